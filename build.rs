//! Finds the git revision for `tfm --version` and for the manifest of a run.

#[path = "build/revision.rs"]
mod revision;

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=TFM_GIT_REVISION");
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let revision = revision::revision(Path::new(&root));
    for path in &revision.watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    // Whoever builds from an export without a repository may say what it is an export of.
    let named = std::env::var("TFM_GIT_REVISION").ok().filter(|id| revision::is_id(id));
    let id = named.or(revision.id).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TFM_GIT_REVISION={id}");
    for path in revision::SOURCES {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=TFM_GIT_TREE={}", revision::tree(Path::new(&root)));
}
