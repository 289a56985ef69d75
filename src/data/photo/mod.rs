//! Pictures of users: PNG and JPEG files of any size in the form that the networks are trained on.

mod decode;
mod digit;
mod folder;
mod square;

pub use digit::{DIGIT_SIDE, digit};
pub use folder::{Folder, Unreadable, read_folder};
pub use square::{SQUARE, square};
