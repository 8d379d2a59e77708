//! A disk of our own: an ext4 image, mounted through a loop device, that can be filled up and can lose its power.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::stop::{Step, Stop, failed};

/// A mounted image. Dropping it unmounts it.
pub(super) struct Image {
    file: PathBuf,
    /// Where it is mounted.
    pub(super) folder: PathBuf,
    is_mounted: bool,
}

/// Says whether images can be made and mounted here.
pub(super) fn available() -> Step {
    if !rustix::process::geteuid().is_root() {
        return Err(Stop::Skipped("mounting a disk image needs root".into()));
    }
    for (program, package) in [("mkfs.ext4", "e2fsprogs"), ("mount", "mount"), ("perl", "perl-base")] {
        if !is_installed(program) {
            return Err(Stop::Skipped(format!("{program} is not installed (apt-get install {package})")));
        }
    }
    Ok(())
}

fn is_installed(program: &str) -> bool {
    let mut look = Command::new("sh");
    look.args(["-c", &format!("command -v {program}")]).stdout(Stdio::null());
    look.status().is_ok_and(|status| status.success())
}

impl Image {
    /// Makes an image of this size in a folder and mounts it. Where the system mounts none, that is no failure of ours.
    pub(super) fn mount(folder: &Path, bytes: u64) -> Step<Self> {
        let mut image =
            Self { file: folder.join("disk.img"), folder: folder.join("disk"), is_mounted: false };
        let made = File::create(&image.file).and_then(|file| file.set_len(bytes));
        made.map_err(failed(format!("{} cannot be made", image.file.display())))?;
        fs::create_dir_all(&image.folder).map_err(failed("the mount point"))?;
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image.file))?;
        image.mount_again().map_err(|stop| Stop::Skipped(format!("loop mounts do not work here: {stop}")))?;
        Ok(image)
    }

    /// Cuts the power: what was not made durable is gone, and everything fails from now on.
    pub(super) fn cut_power(&self) -> Step {
        run(Command::new("perl").args(["-e", SHUTDOWN]).arg(&self.folder))
    }

    /// Unmounts and mounts it again, as the next boot does. Nobody may use it.
    pub(super) fn boot(&mut self) -> Step {
        self.unmount()?;
        self.mount_again()
    }

    /// Takes all the space that is left, and keeps what it took before.
    pub(super) fn fill(&self) -> Step<u64> {
        let file = File::options().create(true).append(true).open(self.filler());
        let mut file = file.map_err(failed("the filler"))?;
        let mut filled = 0;
        // Smaller and smaller pieces, until not even the smallest fits.
        for piece in [1 << 20, 64 << 10, 1 << 10] {
            filled += fill_with(&mut file, &vec![1; piece]).map_err(failed("filling the disk"))?;
        }
        // Or the space is promised only, and who writes next finds more than there is.
        file.sync_all().or_else(only_full).map_err(failed("filling the disk"))?;
        Ok(filled)
    }

    /// Gives it back.
    pub(super) fn free(&self) -> Step {
        fs::remove_file(self.filler()).map_err(failed("the filler"))
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    fn mount_again(&mut self) -> Step {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.file).arg(&self.folder))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Step {
        run(Command::new("umount").arg(&self.folder))?;
        self.is_mounted = false;
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily where somebody still holds it: the loop device goes with the last user.
        if self.is_mounted && self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.folder));
        }
    }
}

fn fill_with(file: &mut File, piece: &[u8]) -> io::Result<u64> {
    let mut filled = 0;
    loop {
        match io::Write::write_all(file, piece) {
            Ok(()) => filled += piece.len() as u64,
            Err(error) => return only_full(error).map(|()| filled),
        }
    }
}

fn only_full(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::StorageFull { Ok(()) } else { Err(error) }
}

fn run(command: &mut Command) -> Step {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(failed(&name))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Stop::Failed(format!("{name} ended with {}: {}", output.status, said.trim())))
}

/// ext4's own shutdown, without flushing its log: `_IOR('X', 125, __u32)` with flag 2. It is how the file system's
/// developers test power loss, and perl, which every Debian has, can call it.
const SHUTDOWN: &str = r#"open(my $folder, "<", $ARGV[0]) or die "$ARGV[0]: $!";
my $without_the_log = pack("L", 2);
defined ioctl($folder, 0x8004587D, $without_the_log) or die "EXT4_IOC_SHUTDOWN: $!";"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_expected() {
        assert!(only_full(io::Error::from(io::ErrorKind::StorageFull)).is_ok());
        assert!(only_full(io::Error::from(io::ErrorKind::PermissionDenied)).is_err());
    }

    #[test]
    fn a_command_that_fails_says_what_it_said() {
        let stop = run(Command::new("sh").args(["-c", "echo no such disk >&2; exit 3"])).unwrap_err();
        assert!(stop.to_string().contains("no such disk"), "{stop}");
    }
}
