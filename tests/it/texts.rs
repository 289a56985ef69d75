//! Texts as people have them: with a byte order mark, compressed, from a pipe, of other formats.

use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::dir::{Dir, Said};
use crate::ptb::{Run, text};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The first bytes of files that are no text, and what they are called.
const FORMATS: [(&str, &[u8], &str); 8] = [
    ("a.zip", b"PK\x03\x04\x14\0", "is a zip file: unpack it"),
    ("a.bz2", b"BZh91AY&SY", "is a bzip2 file: unpack it with bunzip2"),
    ("a.xz", b"\xfd7zXZ\0\0", "is an xz file: unpack it with unxz"),
    ("a.zst", b"\x28\xb5\x2f\xfd\0", "is a zstd file: unpack it with unzstd"),
    ("a.utf16", b"\xff\xfea\0b\0", "is a UTF-16 text: convert it"),
    ("a.npy", b"\x93NUMPY\x01\0", "is a NumPy array"),
    ("a.bin", b"\xba\x16\x4f\x2f\x0c\0\0\0", "is a fastText model: give its .vec file"),
    ("a.kv", b"\x80\x04\x95", "is a Python pickle, such as gensim's .kv"),
];

const PTB: &str = "train ptb --threads 1 --config ptb-test --set train.batch_size=5 -q \
                   --set train.max_steps=2 --set data.valid=./text.txt --set data.test=./text.txt";

#[cfg(unix)]
fn piped(dir: &Dir, from: &str, line: &str) -> Said {
    let script = format!("cat {from} | {} {line}", env!("CARGO_BIN_EXE_tfm"));
    dir.run(Command::new("sh").args(["-c", &script]))
}

#[test]
fn a_language_model_reads_a_text_however_it_is_kept() {
    let dir = Dir::new();
    let plain = text(60);
    dir.write("text.txt", &plain);
    dir.write("mark.txt", format!("\u{feff}{plain}"));
    let half = plain.len() / 2;
    let members = [gzip(&plain.as_bytes()[..half]), gzip(&plain.as_bytes()[half..]), vec![0; 900]];
    dir.write("text.gz", members.concat());
    for name in ["text.txt", "mark.txt", "text.gz"] {
        dir.tfm(&format!("{PTB} --set data.train=./{name} --run-dir {name}.run")).ok();
    }
    #[cfg(unix)]
    {
        let line = format!("{PTB} --set data.train=/dev/stdin --run-dir pipe.run");
        piped(&dir, "text.gz", &line).ok();
        // Lengths in steps are known from the same reading.
        let steps = PTB.replace("--set train.max_steps=2", "--steps 2");
        let line = format!("{steps} --set data.train=/dev/stdin --run-dir steps.run");
        piped(&dir, "text.gz", &line).ok();
        let eval = "eval ptb --threads 1 --run pipe.run --text";
        let of_file = dir.tfm(&format!("{eval} text.txt")).ok();
        let of_pipe = piped(&dir, "mark.txt", &format!("{eval} /dev/stdin")).ok();
        assert_eq!(of_pipe, of_file.replace("text.txt", "/dev/stdin"));
        let run = Run::of(&dir, "pipe.run");
        assert_eq!(run.manifest()["data"], Run::of(&dir, "text.txt.run").manifest()["data"]);
    }
    let first = Run::of(&dir, "text.txt.run");
    for name in ["mark.txt", "text.gz"] {
        let other = Run::of(&dir, &format!("{name}.run"));
        assert!(first.newest() == other.newest(), "{name}");
    }
}

#[test]
fn what_is_no_text_is_named_with_a_hint() {
    let dir = Dir::new();
    dir.write("text.txt", text(60));
    dir.write("tar.gz", gzip(&[&[b'a'; 257][..], b"ustar\0", &[0; 249]].concat()));
    let tar = ("tar.gz", &b""[..], "is a tar archive: unpack it");
    for (name, bytes, what) in FORMATS.into_iter().chain([tar]) {
        if !bytes.is_empty() {
            dir.write(name, bytes);
        }
        let what = &[&*format!("{name} {what}")];
        dir.tfm(&format!("import word2vec {name} --run-dir no")).fails(1, what);
        dir.tfm(&format!("{PTB} --set data.train=./{name} --run-dir no")).fails(1, what);
        let word2vec = format!("train word2vec --set data.train=./{name} --run-dir no");
        dir.tfm(&format!("{word2vec} --set eval.questions=")).fails(1, what);
        dir.tfm(&format!("{word2vec} --set eval.questions=./{name}")).fails(1, what);
    }
}

#[test]
fn the_share_of_a_text_that_the_vocabulary_lacks_is_told() {
    let dir = Dir::new();
    dir.write("text.txt", "a b c d\n".repeat(60));
    dir.tfm(&format!("{PTB} --set data.oov=drop --set data.train=./text.txt --run-dir run")).ok();
    dir.write("half.txt", "a b x y\n".repeat(20));
    let said = dir.one_thread("eval ptb --run run --text half.txt");
    let outside = "half.txt: 40 of 100 words (40.0 %) are outside the vocabulary and are dropped";
    assert!(said.stderr.contains(outside), "{said:?}");
    assert!(
        said.stdout.contains("over 59 words at step 2, 40.0 % of the text dropped"),
        "{said:?}"
    );
    let json = dir.one_thread("eval ptb --run run --text half.txt --json").json();
    assert_eq!(
        (&json["metrics"]["outside"], &json["metrics"]["outside_share"]),
        (&40.into(), &0.4.into())
    );
    dir.write("none.txt", "x y\n".repeat(20));
    let said = dir.one_thread("eval ptb --run run --text none.txt");
    said.fails(1, &["none.txt: none of its 40 words is in the vocabulary"]);
    let said = dir.one_thread("eval ptb --run run --text gone.txt");
    said.fails(1, &["--text gone.txt: there is no such file"]);
}

#[test]
fn vocabularies_keep_the_end_of_a_sentence_and_at_least_a_word() {
    let dir = Dir::new();
    let line: String = (0..200).map(|i| format!("w{} ", i % 20)).collect();
    dir.write("text.txt", format!("{line}\n").repeat(2));
    dir.tfm(&format!("{PTB} --set data.train=./text.txt --set data.max_vocab=5 --run-dir run"))
        .ok();
    let words = Run::of(&dir, "run").text("vocab.txt");
    assert!(words.lines().count() == 5 && words.contains("<eos>\n"), "{words}");
    dir.one_thread("generate ptb --run run --tokens 3").ok();

    let said = dir.tfm(
        "train word2vec --set data.train=./text.txt --set data.min_count=41 --run-dir no \
         --set eval.questions=",
    );
    let rule = "no word of the text occurs data.min_count = 41 times: the most frequent, ";
    said.fails(1, &[rule, "occurs 20; lower data.min_count"]);
}

#[cfg(unix)]
#[test]
fn text_is_written_until_nobody_reads_on() {
    let dir = Dir::new();
    dir.write("text.txt", text(60));
    dir.tfm(&format!("{PTB} --set data.train=./text.txt --run-dir run")).ok();
    let tfm = env!("CARGO_BIN_EXE_tfm");
    let line =
        format!("{tfm} generate ptb --run run --threads 1 --tokens 1000000000000000 | head -c 99");
    let said = dir.run(Command::new("sh").args(["-c", &line]));
    assert_eq!((said.stdout.len(), &*said.stderr), (99, ""));
    let few = dir.one_thread("generate ptb --run run --tokens 99").ok();
    assert!(few.starts_with(&said.stdout), "{few} {said:?}");
}
