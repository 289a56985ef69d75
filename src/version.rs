//! Which tfm this is, for `tfm --version` and the manifest of a run.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The git revision that this program was built from, 40 hexadecimal digits, or `unknown`.
pub const GIT_REVISION: &str = env!("TFM_GIT_REVISION");

/// `clean` where the sources were those of the revision, `modified` where they were not, `unknown`
/// where git could not be asked.
pub const GIT_TREE: &str = env!("TFM_GIT_TREE");

/// Version and revision, as `tfm --version` prints them.
pub const LONG: &str = concat!(env!("CARGO_PKG_VERSION"), " (git ", env!("TFM_GIT_REVISION"), ")");
