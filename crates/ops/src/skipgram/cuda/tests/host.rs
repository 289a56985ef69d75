//! Compiles `kernels/neg_sampling.cu` for the CPU and runs it under `kernels/host`.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::rng::Stream;
use crate::skipgram::NegativeSampler;
use crate::skipgram::cuda::shape::BlockShape;
use crate::skipgram::cuda::{Sentences, Sizes};

/// What the kernel is run on.
pub(super) struct Problem<'a> {
    pub sizes: Sizes,
    pub noise: &'a NegativeSampler,
    pub stream: Stream,
    pub sentences: Sentences<'a>,
    pub w_in: &'a [f32],
    pub w_out: &'a [f32],
}

/// What one schedule gave.
pub(super) struct Outcome {
    pub w_in: Vec<f32>,
    pub w_out: Vec<f32>,
    pub losses: Vec<f64>,
    pub pairs: Vec<u64>,
}

/// The kernel as a program, in a folder of its own.
pub(super) struct HostKernel {
    folder: TempDir,
}

impl HostKernel {
    /// Compiles the kernel with `$CXX`, or the first usual compiler. None where there is none.
    pub fn build() -> Option<Self> {
        let compiler = compiler()?;
        let folder = TempDir::new().unwrap();
        let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let output = Command::new(&compiler)
            .args(["-std=c++17", "-O1", "-Wno-unknown-pragmas"])
            // Jumps between the fibers' stacks are what some systems' checks take for an attack.
            .args(["-U_FORTIFY_SOURCE", "-o"])
            .arg(folder.path().join("neg_sampling"))
            .arg(kernels.join("host/neg_sampling.cpp"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler:?} cannot compile the kernel:\n{errors}");
        Some(Self { folder })
    }

    fn command(&self) -> Command {
        Command::new(self.folder.path().join("neg_sampling"))
    }

    /// How many synchronisations the kernel's source has.
    pub fn n_sites(&self) -> u32 {
        let output = self.command().arg("--sites").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    /// The outcome under each schedule, 0 being the threads' own order; without the
    /// synchronisation number `dropped`. What the program complains about is the error.
    pub fn run(
        &self,
        problem: &Problem<'_>,
        seeds: &[u32],
        dropped: Option<u32>,
    ) -> Result<Vec<Outcome>, String> {
        let mut command = self.command();
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // All of it is read before anything is written.
        child.stdin.take().unwrap().write_all(&encode(problem, seeds, dropped)).unwrap();
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            return Err(format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
        let mut bytes = output.stdout.as_slice();
        let (values, n) = (problem.sizes.values(), problem.sentences.len());
        let outcomes = seeds.iter().map(|_| Outcome {
            w_in: take(&mut bytes, values, f32::from_ne_bytes),
            w_out: take(&mut bytes, values, f32::from_ne_bytes),
            losses: take(&mut bytes, n, f64::from_ne_bytes),
            pairs: take(&mut bytes, n, u64::from_ne_bytes),
        });
        let outcomes = outcomes.collect();
        assert!(bytes.is_empty(), "the program wrote more than was asked for");
        Ok(outcomes)
    }
}

/// `$CXX`, which may hold arguments no more than a path may, else what there is.
fn compiler() -> Option<OsString> {
    let answers = |name: &OsString| {
        let mut command = Command::new(name);
        let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let usual = ["c++", "g++", "clang++"].map(OsString::from);
    env::var_os("CXX").into_iter().chain(usual).find(answers)
}

/// A problem as `kernels/host/neg_sampling.cpp` reads it.
fn encode(problem: &Problem<'_>, seeds: &[u32], dropped: Option<u32>) -> Vec<u8> {
    let Problem { sizes, noise, stream, sentences, w_in, w_out } = problem;
    let shape = BlockShape::new(*sizes);
    let [key0, key1] = stream.key();
    let counts = [sentences.len(), sentences.words.len(), shape.threads, shape.shared_bytes];
    let mut head: Vec<u32> = Vec::new();
    head.extend([sizes.ids, sizes.width, sizes.window, sizes.negatives].map(|n| n as u32));
    head.extend([key0, key1]);
    head.extend(counts.map(|n| n as u32));
    head.extend([dropped.unwrap_or(u32::MAX), seeds.len() as u32]);
    let mut bytes = Vec::new();
    let buckets = noise.buckets().iter();
    let (thresholds, aliases): (Vec<_>, Vec<_>) =
        buckets.map(|slot| (slot.threshold, slot.alias)).unzip();
    let lists = [&head, seeds, sentences.starts, sentences.words, &thresholds, &aliases];
    for list in lists {
        bytes.extend(list.iter().flat_map(|n| n.to_ne_bytes()));
    }
    bytes.extend(sentences.first_numbers.iter().flat_map(|n| n.to_ne_bytes()));
    for list in [sentences.rates, w_in, w_out] {
        bytes.extend(list.iter().flat_map(|x| x.to_ne_bytes()));
    }
    bytes
}

/// The first `n` numbers of `bytes`, which are left behind.
fn take<T, const SIZE: usize>(
    bytes: &mut &[u8],
    n: usize,
    from_bytes: fn([u8; SIZE]) -> T,
) -> Vec<T> {
    let (own, rest) = bytes.split_at(n * SIZE);
    *bytes = rest;
    own.as_chunks().0.iter().map(|&chunk| from_bytes(chunk)).collect()
}
