use std::fs;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::{file, folder};
use crate::data::jpeg::{Bitmap, Dct, Options, decode};

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every sampling in sizes that fill blocks and that do not, progressive, with restarts, of grey
/// and of ink, and noise that leaves 16 bits: `make.py` made files and expectations.
#[test]
fn small_pictures_have_the_pixels_of_tensorflow() {
    let expected = fs::read_to_string(folder().join("files/pixels.tsv")).unwrap();
    let lines: Vec<Vec<_>> = expected.lines().skip(1).map(|of| of.split('\t').collect()).collect();
    assert_eq!(lines.len(), 12 * 45);
    for line in lines {
        let [name, dct, channels, fancy, ref expected @ ..] = line[..] else { panic!("{line:?}") };
        let dct = if dct == "fast" { Dct::Fast } else { Dct::Accurate };
        let (channels, fancy_upscaling) = (channels.parse().unwrap(), fancy == "true");
        let options = Options { channels, fancy_upscaling, dct, ..Options::default() };
        let made = match decode(&file(name), options) {
            Ok(Bitmap { width, height, channels, pixels }) => {
                [width.to_string(), height.to_string(), channels.to_string(), md5(&pixels)].to_vec()
            }
            Err(error) => {
                assert!(error.to_string().contains("which cannot be converted to grey"), "{error}");
                ["refused".to_owned()].to_vec()
            }
        };
        assert_eq!(made, expected, "{name}, {options:?}");
    }
}

/// 26 photographs of ImageNet, one of each of 26 classes, and TensorFlow's own. The hashes are
/// of TensorFlow 2.15.1:
/// ```python
/// import glob, hashlib, tensorflow as tf
/// for p in sorted(glob.glob("photos/*")) + ["grace_hopper.jpg"]:
///     file, made = tf.io.read_file(p), []
///     for dct in "INTEGER_FAST", "INTEGER_ACCURATE":
///         pixels = tf.io.decode_jpeg(file, channels=3, dct_method=dct).numpy()
///         made.append(hashlib.md5(pixels.tobytes()).hexdigest())
///     print(p, *pixels.shape[1::-1], *made, sep="\t")
/// ```
#[test]
fn photographs_have_the_pixels_of_tensorflow() {
    let Some(data) = std::env::var_os("TFM_DATA_DIR") else {
        return println!("skipped: TFM_DATA_DIR is not set");
    };
    let folder_of_data = PathBuf::from(data).join("imagenet");
    if !folder_of_data.join("photos").is_dir() {
        return println!("skipped: {} has no photos", folder_of_data.display());
    }
    let expected = fs::read_to_string(folder().join("photos.tsv")).unwrap();
    assert_eq!(expected.lines().count(), 27);
    for line in expected.lines() {
        let of: Vec<_> = line.split('\t').collect();
        let bytes = fs::read(folder_of_data.join(Path::new(of[0]))).unwrap();
        for (dct, hash) in [(Dct::Fast, of[3]), (Dct::Accurate, of[4])] {
            let options = Options { channels: 3, dct, ..Options::default() };
            let picture = decode(&bytes, options).unwrap();
            let size = [picture.width, picture.height].map(|side| side.to_string());
            assert_eq!(
                (&*size[0], &*size[1], &*md5(&picture.pixels)),
                (of[1], of[2], hash),
                "{line}"
            );
        }
    }
}

#[test]
fn what_follows_the_end_and_what_stands_between_segments_is_passed_over() {
    let whole = file("restarts.jpg");
    let pixels = decode(&whole, Options::default()).unwrap();
    let more = [&whole[..], b"more\xff\xd8\xff"].concat();
    assert_eq!(decode(&more, Options::default()).unwrap(), pixels);
    // Before a segment, before a restart and before the end; libjpeg warns of them.
    let restart = whole.windows(2).position(|pair| pair == [0xff, 0xd1]).unwrap();
    for at in [2, restart, whole.len() - 2] {
        let more = [&whole[..at], b"\0more\xff\xff\0", &whole[at..]].concat();
        assert_eq!(decode(&more, Options::default()).unwrap(), pixels, "{at}");
    }
}
