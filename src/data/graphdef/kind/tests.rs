use super::*;
use crate::data::graphdef::proto::{GraphDef, NodeDef};

/// A field of a message with a content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
    [bytes, content.to_vec()].concat()
}

fn graph() -> Vec<u8> {
    let nodes = ["a", "b"].map(|name| NodeDef::new(name, "NoOp"));
    GraphDef::new(nodes.to_vec(), 8).to_bytes().unwrap()
}

/// MetaInfoDef begins with the list of operations.
fn meta_graph() -> Vec<u8> {
    let info = [field(2, &field(1, &field(1, b"NoOp"))), field(5, b"2.15.1")].concat();
    [field(1, &info), field(2, &graph())].concat()
}

#[track_caller]
fn check(name: &str, bytes: &[u8], expected: &str) {
    let what = instead(bytes, Path::new(name)).unwrap_or("a frozen graph".to_owned());
    assert!(what.contains(expected) && !what.contains('\n'), "{name} is {what}");
}

#[test]
fn a_file_is_known_by_its_bytes() {
    check("a.pb", &graph(), "a frozen graph");
    check("a.data-00000-of-00001", &graph(), "a frozen graph");
    // As TensorFlow 2.15.1 begins them; `simple_save` and `Saver.save` of TensorFlow 1 wrote these.
    let saved_model = [&b"\x08\x01"[..], &field(2, &meta_graph())].concat();
    check("saved_model.pb", &saved_model, "a SavedModel, not a frozen graph");
    check("saved_model.pb", &saved_model[..20], "a SavedModel, not a frozen graph");
    check("model.ckpt.meta", &meta_graph(), "a MetaGraphDef (.meta)");
    check("model.ckpt.index", b"\0\0\x01\0\0\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a checkpoint");
    check("model.ckpt.data-00000-of-00001", b"\x11\x22\x33\x44", "a part of a checkpoint");
    check("checkpoint", b"model_checkpoint_path: \"model.ckpt\"\n", "a part of a checkpoint");
    // ir_version, producer_name, graph and opset_import of ONNX.
    let onnx = [b"\x08\x08".to_vec(), field(2, b"pytorch"), field(7, b"\x0a\0"), field(8, b"")];
    check("model.onnx", &onnx.concat(), "an ONNX model");
    check("model.tflite", b"\x1c\0\0\0TFL3\0\0", "a TensorFlow Lite model");
    check("model.h5", b"\x89HDF\r\n\x1a\n\0\0", "a Keras model (HDF5)");
    check("model.pb", b"\x1f\x8b\x08\0", "a gzip file");
    check("model.pb", b"PK\x03\x04\0", "a zip file");
    check("model.pb", &[&[b'a'; 257][..], b"ustar\0"].concat(), "a tar archive");
    check("a.jpg", b"\xff\xd8\xff\xe0", "a JPEG image");
    check("a.pb", b"", "empty");
}

#[test]
fn a_text_is_known_by_its_words() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    check("a.pb", lfs, "git lfs pull");
    check("a.pb", b"\r\n <!DOCTYPE html>\n<html>", "a web page");
    check("a.pb", b"<html lang=\"en\">", "a web page");
    check("a.pbtxt", b"node {\n  name: \"x\"\n  op: \"Placeholder\"\n", "a GraphDef as text");
    // A line feed is also how a binary graph begins.
    check("a.pbtxt", b"\n\nnode {\n  name: \"x\"\n}\n", "a GraphDef as text");
    check("a.pbtxt", b"saved_model_schema_version: 1\nmeta_graphs {\n", "a SavedModel");
    check("a.pbtxt", b"meta_info_def {\n  stripped_op_list {\n", "a MetaGraphDef");
    check(
        "labels.txt",
        "background\ntench – Tinca\n".as_bytes(),
        "a text file, not a frozen graph",
    );
}

#[test]
fn damage_is_told_with_its_place() {
    let graph = graph();
    check("a.pb", &graph[..graph.len() - 1], "truncated: the field at byte 22 should have 2 bytes");
    check(
        "a.pb",
        &graph[..5],
        "truncated: the field at byte 0 should have 9 bytes, but only 3 follow",
    );
    check("a.pb", &[&graph[..], b"\x0f"].concat(), "damaged: byte");
    check("a.pb", b"\x80\x81\x82\x83", "not a frozen graph (GraphDef): it has no nodes");
    check("a.pb", b"\x12\0", "not a frozen graph (GraphDef): it has no nodes");
    for end in 0..graph.len() {
        if let Some(what) = instead(&graph[..end], Path::new("a.pb")) {
            assert!(what.len() < 100, "{end} bytes are {what}");
        }
    }
}

#[test]
fn too_many_nodes_or_fields_are_refused_before_they_are_read() {
    let many = field(1, b"\x0a\x01a").repeat(MAX_NODES + 1);
    check("a.pb", &many, "more than 262144 nodes");
    let fields = [&b"\x0a\x01a"[..], &b"\x1a\0".repeat(MAX_FIELDS)].concat();
    check("a.pb", &field(1, &fields), "more than 1048576 fields");
}

#[test]
fn a_folder_may_be_a_saved_model() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(of_folder(folder.path()), Some("a folder: give the .pb file inside it"));
    std::fs::write(folder.path().join("saved_model.pb"), b"\x08\x01").unwrap();
    assert!(of_folder(folder.path()).unwrap().starts_with("a SavedModel"));
    assert_eq!(of_folder(&folder.path().join("saved_model.pb")), None);
}
