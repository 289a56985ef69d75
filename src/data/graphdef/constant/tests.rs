use super::super::proto::{Dim, TensorShapeProto};
use super::*;

fn shape(sizes: &[i64]) -> Option<TensorShapeProto> {
    let dim = sizes.iter().map(|&size| Dim { size }).collect();
    Some(TensorShapeProto { dim, unknown_rank: false })
}

fn floats(sizes: &[i64], float_val: &[f32], content: &'static [u8]) -> Result<Vec<f32>> {
    let tensor_content = Bytes::from_static(content);
    let constant = Constant::new(TensorProto {
        dtype: 1,
        tensor_shape: shape(sizes),
        float_val: float_val.to_vec(),
        tensor_content,
        ..TensorProto::default()
    })?;
    let mut values = vec![f32::NAN; constant.len()];
    constant.copy_to(&mut values)?;
    assert_eq!(constant.to_tensor()?.values, Values::Float(values.clone()));
    Ok(values)
}

#[test]
fn the_last_value_of_a_list_repeats() {
    assert_eq!(floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0], b"").unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(floats(&[2, 2], &[1.0, 2.0], b"").unwrap(), [1.0, 2.0, 2.0, 2.0]);
    assert_eq!(floats(&[3], &[], b"").unwrap(), [0.0; 3]);
    assert_eq!(floats(&[], &[7.0], b"").unwrap(), [7.0]);
    assert!(floats(&[0, 5], &[7.0], b"").unwrap().is_empty());
    // As TensorFlow takes them: values beyond the shape do not count, and raw ones go before a list.
    assert_eq!(floats(&[1], &[7.0, 8.0], b"").unwrap(), [7.0]);
    assert_eq!(floats(&[2], &[7.0], b"\0\0\x80\x3f\0\0\0\x40").unwrap(), [1.0, 2.0]);
}

/// What is in a file of a tensor, by NumPy.
///
/// ```python
/// import numpy as np
/// for t in "f2 f8 i2 i1 u1 i8 i4 ?".split(): print(t, np.array([-2, 1.5, 3]).astype(t).tobytes())
/// ```
#[test]
fn every_type_is_read_from_bytes() {
    let content: [(DataType, &[u8], Values); 8] = [
        (DataType::Half, b"\0\xc0\0>\0B", Values::Float(vec![-2.0, 1.5, 3.0])),
        (
            DataType::Double,
            b"\0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\xf8?\0\0\0\0\0\0\x08@",
            Values::Double(vec![-2.0, 1.5, 3.0]),
        ),
        (DataType::Int16, b"\xfe\xff\x01\0\x03\0", Values::Int16(vec![-2, 1, 3])),
        (DataType::Int8, b"\xfe\x01\x03", Values::Int8(vec![-2, 1, 3])),
        (DataType::Uint8, b"\xfe\x01\x03", Values::Uint8(vec![254, 1, 3])),
        (
            DataType::Int64,
            b"\xfe\xff\xff\xff\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0",
            Values::Int64(vec![-2, 1, 3]),
        ),
        (DataType::Int32, b"\xfe\xff\xff\xff\x01\0\0\0\x03\0\0\0", Values::Int32(vec![-2, 1, 3])),
        (DataType::Bool, b"\x01\x01\x00", Values::Bool(vec![true, true, false])),
    ];
    for (data_type, bytes, expected) in content {
        let proto = TensorProto {
            dtype: data_type.number(),
            tensor_shape: shape(&[3]),
            tensor_content: Bytes::from_static(bytes),
            ..TensorProto::default()
        };
        let constant = Constant::new(proto.clone()).unwrap();
        assert_eq!(constant.to_tensor().unwrap().values, expected, "{data_type}");
        let cut = TensorProto { tensor_content: Bytes::from_static(&bytes[1..]), ..proto };
        let error = Constant::new(cut).unwrap_err().to_string();
        assert!(error.contains(&format!("needs {} bytes, but has", bytes.len())), "{error}");
    }
}

#[test]
fn every_type_is_read_from_its_list() {
    let (int_val, list) = (vec![-2, 300], TensorProto::default());
    let cases = [
        (
            DataType::Int32,
            TensorProto { int_val: int_val.clone(), ..list.clone() },
            Values::Int32(vec![-2, 300, 300]),
        ),
        (
            DataType::Int16,
            TensorProto { int_val: int_val.clone(), ..list.clone() },
            Values::Int16(vec![-2, 300, 300]),
        ),
        (
            DataType::Uint8,
            TensorProto { int_val, ..list.clone() },
            Values::Uint8(vec![254, 44, 44]),
        ),
        (
            DataType::Int64,
            TensorProto { int64_val: vec![i64::MIN], ..list.clone() },
            Values::Int64(vec![i64::MIN; 3]),
        ),
        (
            DataType::Bool,
            TensorProto { bool_val: vec![false, true], ..list.clone() },
            Values::Bool(vec![false, true, true]),
        ),
        (
            DataType::Half,
            TensorProto { half_val: vec![0x3e00], ..list.clone() },
            Values::Float(vec![1.5; 3]),
        ),
        (
            DataType::Double,
            TensorProto { double_val: vec![0.1], ..list.clone() },
            Values::Double(vec![0.1; 3]),
        ),
        (
            DataType::String,
            TensorProto { string_val: vec!["a".into(), "bc".into()], ..list.clone() },
            Values::String(vec!["a".into(), "bc".into(), "bc".into()]),
        ),
        (
            DataType::String,
            TensorProto { tensor_content: Bytes::from_static(b"\x01\x00\x02abc"), ..list },
            Values::String(vec!["a".into(), "".into(), "bc".into()]),
        ),
    ];
    for (data_type, proto, expected) in cases {
        let proto = TensorProto { dtype: data_type.number(), tensor_shape: shape(&[3]), ..proto };
        let tensor = Constant::new(proto).unwrap().to_tensor().unwrap();
        assert_eq!(tensor.values, expected, "{data_type}");
        let again = Constant::new(tensor.to_proto()).unwrap().to_tensor().unwrap();
        assert_eq!(again, tensor, "{data_type} as written");
    }
}

#[test]
fn integers_and_floats_are_not_taken_for_each_other() {
    let ints = Constant::new(Tensor::int32s(&[1, -1]).to_proto()).unwrap();
    assert_eq!(ints.ints().unwrap(), [1, -1]);
    let error = ints.copy_to(&mut [0.0; 2]).unwrap_err().to_string();
    assert_eq!(error, "expected floats, found values of type int32");
    let error = Constant::new(Tensor::scalar(1.0).to_proto()).unwrap().ints().unwrap_err();
    assert_eq!(error.to_string(), "expected integers, found values of type float");
}

#[test]
fn impossible_sizes_are_refused_before_memory_is_asked_for() {
    let error = |sizes: &[i64]| floats(sizes, &[1.0], b"").unwrap_err().to_string();
    let limit = "has more values than the limit of 268435456";
    assert_eq!(error(&[1 << 20, 1 << 20]), format!("a tensor of shape [1048576, 1048576] {limit}"));
    assert!(error(&[i64::MAX, i64::MAX]).contains(limit));
    assert_eq!(error(&[2, -1]), "-1 is not a valid size");
    assert!(error(&[1; 255]).contains("255 dimensions"));
    // A size of 0 makes no difference to one that cannot be counted.
    assert!(error(&[i64::MAX, 3, 0]).contains(limit));
    let strings = |content: &'static [u8], sizes: &[i64]| {
        let tensor_content = Bytes::from_static(content);
        let proto = TensorProto {
            dtype: 7,
            tensor_shape: shape(sizes),
            tensor_content,
            ..Default::default()
        };
        Constant::new(proto).and_then(|constant| constant.to_tensor())
    };
    assert!(strings(b"", &[1 << 21]).unwrap_err().to_string().contains("the limit of 1048576"));
    for cut in [&b"\x05abc"[..], b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"] {
        let error = strings(cut, &[1]).unwrap_err().to_string();
        assert_eq!(error, "the strings of a tensor are truncated");
    }
    let open = TensorShapeProto { dim: vec![], unknown_rank: true };
    let proto = TensorProto { dtype: 1, tensor_shape: Some(open), ..Default::default() };
    assert_eq!(
        Constant::new(proto).unwrap_err().to_string(),
        "a tensor with values has an unknown shape"
    );
}
