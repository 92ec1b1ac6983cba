//! How much of a large file is read for a slice of it. Linux tells what of a map is resident.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use inseq_core::MappedResult;
use serde_json::json;

/// Bytes of the maps of a file that are in memory.
fn resident(path: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/smaps").expect("Linux tells");
    let path = path.to_str().expect("a name in UTF-8");
    let mut resident = 0;
    let mut inside = false;
    for line in maps.lines() {
        if line.split_whitespace().next().is_some_and(|first| first.contains('-')) {
            inside = line.ends_with(path);
        }
        if let Some(size) = line.strip_prefix("Rss:").filter(|_| inside) {
            let kib = size.trim().strip_suffix(" kB").expect("in KiB");
            resident += kib.trim().parse::<usize>().expect("a number") * 1024;
        }
    }
    resident
}

#[test]
fn a_slice_of_a_gigabyte_reads_the_slice() {
    const TOKENS: usize = 512;
    const FEATURES: usize = 1024;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("large.safetensors");
    // A file of zeros with holes for data takes no room on the disk.
    let size = TOKENS * TOKENS * FEATURES * 4;
    let text: Vec<_> = (0..TOKENS).map(|id| json!(["▁", id])).collect();
    let sequence = json!({
        "source": text, "target": text, "attr_pos_start": 0, "attr_pos_end": TOKENS, "kind": "granular",
        "step_scores": [], "sequence_scores": [],
    });
    let header = json!({
        "__metadata__": { "inseq": json!({"version": 1, "info": {}, "sequences": [sequence]}).to_string() },
        "sequences.0.source_attributions":
            {"dtype": "F32", "shape": [TOKENS, TOKENS, FEATURES], "data_offsets": [0, size]},
    })
    .to_string();
    let mut file = File::create(&path).expect("the folder can be written");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(header.as_bytes()).expect("written");
    file.set_len((8 + header.len() + size) as u64).expect("the file can be large");
    assert!(size == 1 << 30);

    let result = MappedResult::open(&path).expect("the header is whole");
    let opened = resident(&path);
    assert!(opened > 0 && opened <= header.len() + (64 << 10), "{opened} bytes to open a header of {}", header.len());

    let slice = result.sequence_steps(0, 100..101).expect("the step is there");
    let scores = slice.source_attributions.expect("scores of the source");
    assert_eq!(scores.shape(), [TOKENS, 1, FEATURES]);
    let read = resident(&path) - opened;
    // One row a token; it begins anywhere in a page, so it lies in two.
    let rows = TOKENS * 2 * 4096;
    assert!(read >= scores.len() * 4 && read <= rows + (64 << 10), "{read} bytes for a slice of {}", scores.len() * 4);
}
