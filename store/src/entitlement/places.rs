//! Numbered places, each held by at most one: the seats of a subscription, and the items that an account may view in a
//! period. A place is taken by writing it where nobody holds it, so two who race never hold one more than there are.

/// Whether somebody has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// The holder has this one.
    Held(u32),
    /// The holder has none; this one is free.
    Free(u32),
    /// The holder has none, and there is none.
    Full,
}

/// Where a holder stands among those that hold places, numbered from 1 on. Places above `places` count no more: whoever
/// holds one has none.
pub fn place<'a>(held: impl IntoIterator<Item = (u32, &'a str)>, holder: &str, places: u32) -> Placing {
    let mut taken: Vec<u32> = Vec::new();
    for (number, name) in held {
        if !(1..=places).contains(&number) {
            continue;
        }
        if name == holder {
            return Placing::Held(number);
        }
        taken.push(number);
    }
    taken.sort_unstable();
    taken.dedup();
    // Without a gap, the n-th of them is n.
    let gap = taken.iter().zip(1..).find(|(number, at)| *number != at).map(|(_, at)| at);
    let free = gap.unwrap_or_else(|| u32::try_from(taken.len()).unwrap_or(u32::MAX).saturating_add(1));
    if free <= places { Placing::Free(free) } else { Placing::Full }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_a_place_or_gets_the_first_that_is_free() {
        let held = [(3, "cat"), (1, "ann"), (7, "eve")];
        for (holder, places, expect) in [
            ("ann", 3, Placing::Held(1)),
            ("cat", 3, Placing::Held(3)),
            ("cat", 2, Placing::Free(2)),
            ("dan", 3, Placing::Free(2)),
            ("dan", 1, Placing::Full),
            ("eve", 3, Placing::Free(2)),
            ("eve", 7, Placing::Held(7)),
            ("ann", 0, Placing::Full),
        ] {
            assert_eq!(place(held, holder, places), expect, "{holder} of {places}");
        }
        assert_eq!(place([(1, "ann"), (2, "ben")], "dan", 2), Placing::Full);
        assert_eq!(place([(1, "ann"), (2, "ben")], "dan", 3), Placing::Free(3));
        assert_eq!(place([], "dan", 1), Placing::Free(1));
    }
}
