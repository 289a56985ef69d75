//! The header of a checkpoint: a length in 8 bytes, then JSON, padded by spaces.
//!
//! The JSON begins with its own checksum in eight hexadecimal digits at a fixed place. It is
//! taken over length and JSON with zeros for these digits, so checksums can be filled in
//! after the tensors are written without moving anything.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::TensorInfo;
use safetensors::{SafeTensors, View};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::Meta;

const LENGTH_BYTES: usize = 8;
const START: &[u8] = br#"{"__metadata__":{"header_crc32c":""#;
const BLANK: &str = "00000000";
const DIGITS: std::ops::Range<usize> =
    LENGTH_BYTES + START.len()..LENGTH_BYTES + START.len() + BLANK.len();
/// The tensors start at a multiple of this, so that every element type is aligned.
const ALIGNMENT: usize = 64;

/// The header of a file to write.
pub(super) struct Header {
    tfm: String,
    /// In the order of the data.
    infos: Vec<(String, TensorInfo)>,
    checksums: BTreeMap<String, String>,
}

/// `__metadata__`: safetensors allows strings alone.
#[derive(Serialize, Deserialize)]
struct Metadata {
    header_crc32c: String,
    tfm: String,
    crc32c: String,
}

impl Header {
    /// The header for tensors that follow in this order, checksums still zero.
    ///
    /// # Errors
    /// A name that is taken twice or reserved.
    pub fn new<V: View>(meta: &Meta, tensors: &[(String, V)]) -> Result<Self> {
        let mut infos = Vec::with_capacity(tensors.len());
        let mut checksums = BTreeMap::new();
        let mut offset = 0;
        for (name, tensor) in tensors {
            ensure!(name != "__metadata__", "{name} is not a valid tensor name");
            let taken = checksums.insert(name.clone(), BLANK.to_owned());
            ensure!(taken.is_none(), "two tensors are named {name}");
            let end = offset + tensor.data_len();
            let info = TensorInfo {
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
                data_offsets: (offset, end),
            };
            infos.push((name.clone(), info));
            offset = end;
        }
        let tfm = serde_json::to_string(meta).context("the state is not JSON")?;
        Ok(Self { tfm, infos, checksums })
    }

    /// Notes the checksum of a tensor's bytes.
    pub fn set_checksum(&mut self, name: &str, checksum: u32) {
        self.checksums.insert(name.to_owned(), hex(checksum));
    }

    /// Length, JSON and padding. The number of bytes does not depend on the checksums.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(&Json(self)).context("the header is not JSON")?;
        let padded = (LENGTH_BYTES + json.len()).next_multiple_of(ALIGNMENT);
        let mut bytes = Vec::with_capacity(padded);
        bytes.extend(((padded - LENGTH_BYTES) as u64).to_le_bytes());
        bytes.extend(json);
        bytes.resize(padded, b' ');
        let checksum = hex(crc32c::crc32c(&bytes));
        bytes[DIGITS].copy_from_slice(checksum.as_bytes());
        Ok(bytes)
    }
}

struct Json<'a>(&'a Header);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Header { tfm, infos, checksums } = self.0;
        let crc32c = serde_json::to_string(checksums).map_err(serde::ser::Error::custom)?;
        let metadata = Metadata { header_crc32c: BLANK.to_owned(), tfm: tfm.clone(), crc32c };
        let mut map = serializer.serialize_map(Some(1 + infos.len()))?;
        map.serialize_entry("__metadata__", &metadata)?;
        for (name, info) in infos {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

/// A header that was read and verified, as was every tensor after it.
#[derive(Debug)]
pub(super) struct Verified {
    /// The [`Meta`] as JSON.
    pub tfm: String,
    pub infos: BTreeMap<String, TensorInfo>,
    /// Where the data begins in the file.
    pub data_start: usize,
}

/// Checks every byte of the file `bytes`.
///
/// # Errors
/// What is damaged.
pub(super) fn verify(bytes: &[u8]) -> Result<Verified> {
    let data_start = verify_header(bytes)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|error| anyhow::anyhow!("the header does not fit the file: {error}"))?;
    let map = metadata.metadata().as_ref().context("the header has no metadata")?;
    let field = |name: &str| map.get(name).with_context(|| format!("the header has no {name}"));
    let checksums: BTreeMap<String, String> =
        serde_json::from_str(field("crc32c")?).context("the checksums are not JSON")?;
    let infos: BTreeMap<_, _> =
        metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
    for (name, info) in &infos {
        let data = bytes
            .get(data_start + info.data_offsets.0..data_start + info.data_offsets.1)
            .with_context(|| format!("tensor {name} extends past the end of the file"))?;
        ensure!(
            checksums.get(name) == Some(&hex(crc32c::crc32c(data))),
            "the checksum of tensor {name} is wrong"
        );
    }
    Ok(Verified { tfm: field("tfm")?.clone(), infos, data_start })
}

/// The [`Meta`] as JSON of a file that begins with the bytes `header`, whose tensors are not looked
/// at.
///
/// # Errors
/// What is damaged.
pub(super) fn meta_of(header: &[u8]) -> Result<String> {
    #[derive(Deserialize)]
    struct Head {
        __metadata__: Metadata,
    }
    let end = verify_header(header)?;
    let head: Head = serde_json::from_slice(&header[LENGTH_BYTES..end])?;
    Ok(head.__metadata__.tfm)
}

/// The bytes of the header of a file that begins with `start`.
pub(super) fn length(start: [u8; LENGTH_BYTES]) -> u64 {
    u64::from_le_bytes(start).saturating_add(LENGTH_BYTES as u64)
}

/// Whether the bytes are a safetensors file that is not of tfm's making.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    let has_start = bytes.get(LENGTH_BYTES..).is_some_and(|json| json.starts_with(START));
    !has_start && SafeTensors::deserialize(bytes).is_ok()
}

/// Checks length and JSON against the header's checksum; returns where the data begins.
fn verify_header(bytes: &[u8]) -> Result<usize> {
    ensure!(!bytes.is_empty(), "the file is empty");
    let Some((length, _)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        bail!("the file ends in the header");
    };
    let end = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .and_then(|length| length.checked_add(LENGTH_BYTES))
        .and_then(|end| bytes.get(..end));
    let Some(header) = end else { bail!("the file ends in the header") };
    ensure!(
        header.len() >= DIGITS.end && header[LENGTH_BYTES..].starts_with(START),
        "it has no tfm header"
    );
    let zeroed = crc32c::crc32c(&header[..DIGITS.start]);
    let zeroed = crc32c::crc32c_append(zeroed, BLANK.as_bytes());
    let checksum = crc32c::crc32c_append(zeroed, &header[DIGITS.end..]);
    ensure!(header[DIGITS] == *hex(checksum).as_bytes(), "the checksum of the header is wrong");
    Ok(header.len())
}

fn hex(checksum: u32) -> String {
    format!("{checksum:08x}")
}
