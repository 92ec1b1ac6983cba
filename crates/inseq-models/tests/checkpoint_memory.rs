//! How much memory loading takes: the weights, and little more. The only test of its program, as the peak is the
//! program's.
#![cfg(target_os = "linux")]

use inseq_models::checkpoint::{HubOptions, Repository, Weights};

/// The largest resident memory of this program so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn loading_peaks_below_1_3_times_the_weights() {
    const TENSORS: usize = 16;
    const VALUES: usize = 2 << 20;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let tensors: serde_json::Map<String, serde_json::Value> = (0..TENSORS)
        .map(|i| {
            let offsets = [i * VALUES * 4, (i + 1) * VALUES * 4];
            (format!("w{i}"), serde_json::json!({ "dtype": "F32", "shape": [VALUES], "data_offsets": offsets }))
        })
        .collect();
    let header = serde_json::to_string(&tensors).unwrap();
    let file = std::fs::File::create(folder.path().join("model.safetensors")).unwrap();
    std::io::Write::write_all(&mut &file, &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat())
        .unwrap();
    file.set_len((8 + header.len() + TENSORS * VALUES * 4) as u64).unwrap();

    let before = peak();
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    let weights = Weights::open(&repository).unwrap();
    let mut loaded = Vec::new();
    for i in 0..TENSORS {
        let name = format!("w{i}");
        loaded.push(weights.tensor(&name).unwrap().to_f32().unwrap());
        weights.release(&name);
    }
    let size = TENSORS * VALUES * 4;
    assert_eq!(loaded.iter().map(|v| v.len() * 4).sum::<usize>(), size);
    let grown = peak() - before;
    assert!(grown >= size, "the values themselves take {size} bytes, the program grew by {grown}");
    assert!(grown < size * 13 / 10, "{grown} bytes for weights of {size}");
}
