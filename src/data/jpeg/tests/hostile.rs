use super::file;
use crate::data::jpeg::{Dct, Options, decode};
use crate::rng::{Sequence, Stream};

fn error(bytes: &[u8]) -> String {
    decode(bytes, Options::default()).unwrap_err().to_string()
}

/// Where a marker is.
fn find(bytes: &[u8], marker: u8) -> usize {
    bytes.windows(2).position(|pair| pair == [0xff, marker]).unwrap()
}

/// A file without the segment of a marker.
fn without(name: &str, marker: u8) -> Vec<u8> {
    let bytes = file(name);
    let at = find(&bytes, marker);
    let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    [&bytes[..at], &bytes[at + 2 + length..]].concat()
}

/// A file whose bytes from `at` after a marker are others.
fn with(name: &str, marker: u8, at: usize, others: &[u8]) -> Vec<u8> {
    let mut bytes = file(name);
    let start = find(&bytes, marker) + at;
    bytes[start..start + others.len()].copy_from_slice(others);
    bytes
}

const FRAME: u8 = 0xc0;
const CODES: u8 = 0xc4;
const SCAN: u8 = 0xda;
const QUANTISATION: u8 = 0xdb;

/// As frames of Motion JPEG are: libjpeg-turbo, and so TensorFlow, takes the tables that T.81 prints.
#[test]
fn whole_blocks_have_the_printed_tables_where_a_file_has_none() {
    for name in ["444-33x17.jpg", "420-33x17.jpg", "grey.jpg"] {
        let (whole, mut bytes) = (file(name), file(name));
        while let Some(at) = bytes.windows(2).position(|pair| pair == [0xff, CODES]) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            bytes.drain(at..at + 2 + length);
        }
        assert!(bytes.len() < whole.len());
        let decoded = |bytes: &[u8]| decode(bytes, Options::default()).unwrap();
        assert!(decoded(&bytes) == decoded(&whole), "{name}");
    }
}

#[test]
fn what_is_damaged_says_where() {
    let whole = file("444-33x17.jpg");
    for (bytes, expected) in [
        (vec![], "it does not begin like one (byte 0)"),
        (b"\x89PNG\r\n".to_vec(), "it does not begin like one (byte 0)"),
        (whole[..whole.len() - 2].to_vec(), "its end is missing"),
        (whole[..whole.len() - 90].to_vec(), "its data ends early"),
        (whole[..100].to_vec(), "a segment is truncated"),
        (b"\xff\xd8\xff\xd9".to_vec(), "it has no scan (byte 4)"),
        (b"\xff\xd8\xff\xd8".to_vec(), "it has a marker that is not allowed there (byte 4)"),
        (without("444-33x17.jpg", FRAME), "a scan comes before its frame"),
        (without("progressive.jpg", CODES), "a Huffman table is missing"),
        (with("444-33x17.jpg", SCAN, 6, &[0x20]), "a Huffman table is missing"),
        (without("444-33x17.jpg", QUANTISATION), "a quantisation table is missing"),
        (with("grey.jpg", QUANTISATION, 4, &[4]), "a quantisation table has an id above 3"),
        (with("grey.jpg", QUANTISATION, 4, &[0x10]), "a quantisation table is truncated"),
        (with("grey.jpg", CODES, 4, &[4]), "a Huffman table has an id above 3"),
        (with("grey.jpg", CODES, 5, &[255, 255]), "a Huffman table has more than 256 symbols"),
        (with("grey.jpg", CODES, 5, &[3, 0, 3]), "a Huffman table has more codes than their bits"),
        (with("grey.jpg", CODES, 21, &[16]), "a Huffman table has sizes above 15"),
        (with("444-33x17.jpg", FRAME, 11, &[0x50]), "a component has a sampling factor or a table"),
        (with("444-33x17.jpg", FRAME, 11, &[0x44]), "a scan has more than ten blocks per MCU"),
        (with("444-33x17.jpg", SCAN, 5, &[9]), "a scan names a component or a table"),
        (with("444-33x17.jpg", SCAN, 7, &[1]), "a scan has no component, or one twice"),
        (with("progressive.jpg", SCAN, 11, &[9, 1]), "a progressive scan has coefficients or bits"),
        (with("restarts.jpg", 0xd2, 1, &[0xd5]), "a restart marker is missing"),
        (without("scans-420.jpg", SCAN), "some of its scans are missing"),
    ] {
        let error = error(&bytes);
        let expected = format!("is not a valid JPEG file: {expected}");
        assert!(error.starts_with(&expected), "{error:?} is not {expected:?}");
    }
}

#[test]
fn what_is_not_read_says_so() {
    for (marker, expected) in [
        (0xc3, "is a lossless or hierarchical JPEG image, which is not supported; convert it"),
        (
            0xc9,
            "is a JPEG image with arithmetic coding, which is not supported; convert it, for \
             example with",
        ),
    ] {
        let error = error(&with("grey.jpg", FRAME, 1, &[marker]));
        assert!(error.starts_with(expected), "{error}");
    }
    for (at, others, expected) in [
        (4, &[12][..], "is a JPEG image with 12 bits per sample, which is not supported"),
        (5, &[0, 0], "declares 33 × 0 pixels: none"),
        (5, &[255; 4], "declares 65535 × 65535 pixels, which need more than 512 MiB"),
        (9, &[2], "has 2 components; supported are 1 (grey), 3 (colour) and 4 (CMYK)"),
        (11, &[0x31, 0, 2, 0x21], "has components whose sizes are not whole fractions"),
    ] {
        let error = error(&with("444-33x17.jpg", FRAME, at, others));
        assert!(error.starts_with(expected), "{error}");
    }
    let refused = |options| decode(&file("grey.jpg"), options).unwrap_err().to_string();
    let options = Options::default();
    let error = refused(Options { ratio: 2, ..options });
    assert_eq!(error, "ratio = 2 is not 1: images are decoded only at their full size");
    let error = refused(Options { channels: 4, ..options });
    assert_eq!(error, "channels = 4 must be 0 (as in the file), 1 or 3");
}

/// The accurate transform is another program's, which makes grey of what is missing.
#[test]
fn what_is_cut_is_refused_by_both_transforms() {
    for name in ["444-33x17.jpg", "progressive.jpg", "grey.jpg"] {
        let whole = file(name);
        for dct in [Dct::Fast, Dct::Accurate] {
            let options = Options { dct, ..Options::default() };
            decode(&whole, options).unwrap();
            for end in (0..whole.len() - 1).step_by(7).chain([whole.len() - 1]) {
                let error = decode(&whole[..end], options).unwrap_err().to_string();
                assert!(error.starts_with("is not a valid JPEG file: "), "{name} {end}: {error}");
            }
        }
    }
}

/// A grey progressive image of 2048 × 2048 pixels: a scan of its DC coefficients, all the same, and
/// then `scans` of a band, each of which says in a few bytes that nothing is new.
fn endless(scans: usize) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    bytes.extend([1; 64]);
    bytes.extend(b"\xff\xc2\0\x0b\x08\x08\0\x08\0\x01\x01\x11\0");
    // The codes 0 (nothing differs) and 0 (2¹⁴ blocks have ended, and what 14 bits add).
    for (number, symbol) in [(0, 0), (0x10, 0xe0)] {
        bytes.extend([0xff, 0xc4, 0, 20, number, 1]);
        bytes.extend([0; 15]);
        bytes.push(symbol);
    }
    bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0");
    bytes.extend([0; 2048 * 2048 / 64 / 8]);
    for scan in 0..scans {
        let high = if scan == 0 { 0 } else { 0x10 };
        bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, high]);
        // A code 0 and fourteen ones, twice; a code 0 and fourteen zeros.
        bytes.extend([0x7f, 0xfe, 0xff, 0, 0xfc, 0, 0]);
    }
    bytes.extend(b"\xff\xd9");
    bytes
}

#[test]
fn scans_have_an_end() {
    let whole = decode(&endless(20), Options::default()).unwrap();
    assert!(
        (whole.width, whole.height) == (2048, 2048) && whole.pixels.iter().all(|&of| of == 128)
    );
    let error = error(&endless(100_000));
    assert!(error.starts_with("is not a valid JPEG file: it has more than 100 scans"), "{error}");
}

/// Whatever is done to a file, there is an image or an error: of so many files as `TFM_FUZZ` says,
/// or a few thousand.
#[test]
fn no_file_does_harm() {
    let n = std::env::var("TFM_FUZZ").map_or(3000, |n| n.parse().expect("TFM_FUZZ is a number"));
    let names = [
        "420-33x17.jpg",
        "luma-3x5.jpg",
        "progressive.jpg",
        "restarts.jpg",
        "restarts-progressive.jpg",
        "ycck.jpg",
        "scans-420.jpg",
        "grey-progressive.jpg",
    ];
    let files = names.map(file);
    let mut decoded = 0;
    for step in 0..n {
        let random = &mut Stream::new(1, "mutations").at(step);
        let bytes = mutated(&files, random);
        let options = Options {
            channels: [0, 1, 3][below(random, 3)],
            fancy_upscaling: below(random, 4) > 0,
            ..Options::default()
        };
        match decode(&bytes, options) {
            Ok(made) => {
                decoded += 1;
                assert_eq!(made.pixels.len(), made.width * made.height * made.channels);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    println!("{decoded} of {n} files were pictures still");
    assert!(decoded > n / 20 && decoded < n);
}

fn below(random: &mut Sequence, n: usize) -> usize {
    random.word() as usize % n
}

/// One of the files with one to four changes.
fn mutated(files: &[Vec<u8>], random: &mut Sequence) -> Vec<u8> {
    let mut bytes = files[below(random, files.len())].clone();
    for _ in 0..=below(random, 4) {
        let (at, length) = (below(random, bytes.len()), 1 + below(random, 20));
        let end = (at + length).min(bytes.len());
        match below(random, 6) {
            0 => bytes[at] ^= 1 << below(random, 8),
            1 => bytes[at] = random.word() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0xd9][below(random, 6)],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let other = &files[below(random, files.len())];
                let from = below(random, other.len());
                let piece = &other[from..(from + length).min(other.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
        if bytes.is_empty() {
            bytes.push(0xff);
        }
    }
    bytes
}
