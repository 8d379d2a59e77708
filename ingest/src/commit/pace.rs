//! When the next commit may begin.

use std::time::Duration;

/// How long the next commit waits when the last began `since_last` ago and had so many frames.
///
/// While frames come several at a time, more of them share an fsync when commits keep their distance, which costs a
/// caller at most that distance. A lone caller never waits: its next frame comes when this one is answered.
pub(super) fn wait(distance: Duration, since_last: Duration, last_frames: usize) -> Duration {
    match last_frames >= FRAMES_MIN {
        true => distance.saturating_sub(since_last),
        false => Duration::ZERO,
    }
}

/// From so many frames in a commit on, they come from several callers.
const FRAMES_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_several_frames_keep_the_next_commit_at_a_distance() {
        let ms = Duration::from_millis;
        for (since_last, last_frames, expect) in
            [(0, 0, 0), (0, 3, 0), (0, 4, 5), (2, 4, 3), (5, 100, 0), (60_000, 100, 0)]
        {
            assert_eq!(wait(ms(5), ms(since_last), last_frames), ms(expect), "{since_last} {last_frames}");
        }
    }
}
