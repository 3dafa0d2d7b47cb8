//! Finding the files of a directory before anybody asks for them.

use rustix::fs::{Dir, FileType};

use super::beneath::Root;
use super::opened::c_string;
use super::path::is_servable;

/// Directories inside one another; deeper files are found when they are asked for.
const DEPTH_MAX: usize = 64;

/// Names each file below `root` to `keep` until that returns false. Links are left out: they may
/// lead in circles, and what they name is found when it is asked for. So are directories that
/// cannot be read.
pub(super) fn preload(root: &Root, dotfiles: bool, mut keep: impl FnMut(&[u8]) -> bool) {
    let mut directories = vec![Vec::new()];
    while let Some(directory) = directories.pop() {
        for (kind, path) in entries(root, &directory) {
            if !is_servable(&path, dotfiles) {
                continue;
            }
            let depth = path.iter().filter(|&&byte| byte == b'/').count();
            match kind {
                FileType::Directory if depth < DEPTH_MAX => directories.push(path),
                FileType::RegularFile if !keep(&path) => return,
                _ => {}
            }
        }
    }
}

/// What is in a directory, with paths from the root.
fn entries(root: &Root, directory: &[u8]) -> Vec<(FileType, Vec<u8>)> {
    let path = if directory.is_empty() { b"." } else { directory };
    let Ok(path) = c_string(path.to_vec()) else { return Vec::new() };
    let listing = root.open_directory(&path).and_then(Dir::new);
    let Ok(listing) = listing else { return Vec::new() };
    let entry_path = |name: &[u8]| match directory {
        b"" => name.to_vec(),
        _ => [directory, b"/", name].concat(),
    };
    listing
        .filter_map(Result::ok)
        .filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))
        .map(|entry| (entry.file_type(), entry_path(entry.file_name().to_bytes())))
        .collect()
}
