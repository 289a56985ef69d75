//! The shape of the source: the layers of `src/lib.rs`, the size of files, nothing unfinished.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file, and of one that holds tests alone.
const MAX_LINES: (usize, usize) = (400, 500);

/// Every source file by its path in `src`, with `/`; those of the crate of operators begin with `ops/`.
fn sources() -> Vec<(String, String)> {
    let mut sources = sources_in("src", "");
    sources.extend(sources_in("crates/ops/src", "ops/"));
    sources
}

/// The source files in a folder of the repository, in order, their paths with `prefix` before.
fn sources_in(root: &str, prefix: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push((format!("{prefix}{name}"), fs::read_to_string(path).unwrap()));
            }
        }
    }
    sources.sort();
    sources
}

/// The code of a file: its lines without those that are comments.
fn code(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
}

/// Every path that begins with `crate::`, without `crate`; groups taken apart.
fn imports(code: &str) -> Vec<String> {
    let own = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "_$".contains(c));
    let pieces: Vec<_> = code.split("crate::").collect();
    let pairs = pieces.windows(2).filter(|pair| own(pair[0]));
    pairs.flat_map(|pair| paths(pair[1])).collect()
}

/// The paths that `rest`, which follows `crate::`, begins with.
fn paths(rest: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
    let path = |text: &str| text.trim_start().chars().take_while(|&c| is_path(c)).collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![path(rest)] };
    let mut depth = 1;
    let end = group.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let mut parts = vec![String::new()];
    for c in group[..end.unwrap()].chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    parts.iter().map(|part| path(part)).collect()
}

/// What a module of the first level may import, itself aside.
fn allowed(module: &str) -> &'static [&'static str] {
    const CLI: [&str; 17] = [
        "report",
        "sweep",
        "analysis",
        "models",
        "train",
        "nn",
        "ops",
        "data",
        "checkpoint",
        "metrics",
        "config",
        "run",
        "rng",
        "version",
        "atomic",
        "console",
        "system",
    ];
    // Each layer may import what follows it.
    const ANALYSED: &[&str] = CLI.split_at(2).1;
    const ANALYSIS: &[&str] = CLI.split_at(3).1;
    const MODELS: &[&str] = CLI.split_at(4).1;
    const BASE: &[&str] = CLI.split_at(6).1;
    match module {
        "cli" => &CLI,
        "report" | "sweep" => ANALYSED,
        "analysis" => ANALYSIS,
        "models" => MODELS,
        "train" => BASE,
        "nn" => &["ops", "rng", "system"],
        "data" => &["rng", "atomic", "system"],
        module if BASE.contains(&module) => &["atomic", "system"],
        module => panic!("src/{module} has no layer in src/lib.rs and in this test"),
    }
}

#[test]
fn modules_import_from_layers_below_alone() {
    let models: Vec<_> = tfm::models::ALL.iter().map(|entry| entry.name).collect();
    for (name, text) in sources() {
        let module = name.split(['/', '.']).next().unwrap();
        // Of the operators the compiler sees to it: they are a crate of their own.
        if ["lib", "main", "ops"].contains(&module) {
            continue;
        }
        for path in imports(&code(&text)) {
            let mut parts = path.split("::");
            let (first, second) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            let is_allowed = first == module || allowed(module).contains(&first);
            assert!(is_allowed, "src/{name} imports crate::{path}: not a layer below");
            let own = name.starts_with(&format!("models/{second}/"));
            let is_sibling = module == "models" && first == "models" && models.contains(&second);
            assert!(own || !is_sibling, "src/{name} imports crate::{path}: a sibling model");
        }
    }
}

/// A network is described once: no model runs operators of layers, writes a backward pass or keeps
/// buffers of activations. The word vectors are no graph: their tables change in place.
#[test]
fn models_describe_their_networks_alone() {
    let layers = [
        "activation",
        "batch_norm",
        "blocks",
        "conv",
        "dropout",
        "embedding",
        "lstm",
        "matmul",
        "optimizer",
        "pool",
        "pool_lrn",
        "relu",
    ];
    let models = sources().into_iter().filter(|(name, _)| name.starts_with("models/"));
    let is_network =
        |name: &str| !name.starts_with("models/word2vec/") && !name.ends_with("tests.rs");
    for (name, text) in models.filter(|(name, _)| is_network(name)) {
        let code = code(&text);
        for path in imports(&code) {
            let module = path.strip_prefix("ops::").and_then(|path| path.split("::").next());
            let is_layer = module.is_some_and(|module| layers.contains(&module));
            assert!(!is_layer, "src/{name} imports crate::{path}: that is for a node of the graph");
        }
        for word in ["fn backward", "_gradient(", "_gradient as", "dense(", ".gradient."] {
            assert!(!code.contains(word), "src/{name} holds {word}: gradients are the graph's");
        }
    }
}

/// `unsafe` stands in the crate of operators, and where the system is asked for something; the
/// compiler holds the rest to it (`deny(unsafe_code)`). CUDA is asked for at the places that have a kernel.
#[test]
fn unsafe_code_and_cuda_stay_in_their_places() {
    let places: [(&str, &[&str], usize); 2] = [
        ("unsafe {", &["ops/", "system/"], 22),
        ("feature = \"cuda\"", &["models/options/device.rs", "ops/skipgram/cuda/"], 3),
    ];
    for (word, folders, most) in places {
        let holds = |(_, text): &&(String, String)| code(text).contains(word);
        let sources = sources();
        let files: Vec<&str> = sources.iter().filter(holds).map(|(name, _)| &**name).collect();
        for name in &files {
            let is_place = folders.iter().any(|place| name.starts_with(place));
            assert!(is_place, "src/{name} holds {word}");
        }
        assert!(files.len() <= most, "{} files hold {word}; {most} are the limit", files.len());
    }
}

/// A network's file reads like the paper: its forward pass, and little else.
#[test]
fn files_of_networks_are_short() {
    for (name, most) in
        [("mnist/network", 40), ("cifar10/network", 40), ("alexnet/network", 50), ("ptb/model", 80)]
    {
        let name = format!("models/{name}.rs");
        let (_, text) = sources().into_iter().find(|(other, _)| *other == name).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code(text).lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= most, "src/{name} has {lines} lines of code; {most} are the limit");
    }
}

#[test]
fn files_are_small_and_finished() {
    for (name, text) in sources() {
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        let most = if is_test { MAX_LINES.1 } else { MAX_LINES.0 };
        let lines = text.lines().count();
        assert!(lines <= most, "src/{name} has {lines} lines; split it: {most} are the limit");
        for word in ["todo!", "unimplemented!", "dbg!"] {
            assert!(!code(&text).contains(word), "src/{name} holds {word}");
        }
        for name_of_all in ["utils.rs", "helpers.rs", "common.rs"] {
            assert!(!name.ends_with(name_of_all), "src/{name}: a file has one purpose");
        }
    }
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let code =
        "use crate::run;\nuse crate::{a::B, c::{d, e}, f};\nlet x = crate::g::h(); $crate::i";
    assert_eq!(imports(code), ["run", "a::B", "c::", "f", "g::h"]);
}
