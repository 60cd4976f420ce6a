//! Output whose every byte is known beforehand, so that one that is lost, doubled or moved shows.

use sha2::{Digest, Sha256};

/// Bytes of one block; each block names its worker and its number.
pub const BLOCK: usize = 4096;

/// Bytes of one line, with its end.
const LINE: usize = 64;

/// Writes block `number` of worker `seed`: lines of printable text, each ended by CR LF.
pub fn fill(block: &mut [u8; BLOCK], seed: u64, number: u64) {
    let mut state = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(number.wrapping_mul(0xbf58_476d_1ce4_e5b9))
        | 1;
    for word in block.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Six bits a byte, moved into the printable range.
        let letters = (state & 0x3f3f_3f3f_3f3f_3f3f) + 0x3030_3030_3030_3030;
        word.copy_from_slice(&letters.to_le_bytes());
    }
    for line in block.chunks_exact_mut(LINE) {
        line[LINE - 2..].copy_from_slice(b"\r\n");
    }
    let name = format!("{seed:04} {number:010} ");
    block[..name.len()].copy_from_slice(name.as_bytes());
}

/// The digest of the first `bytes` bytes that worker `seed` prints.
pub fn digest(seed: u64, bytes: u64) -> [u8; 32] {
    let mut sha = Sha256::new();
    let mut block = [0; BLOCK];
    let mut left = bytes;
    for number in 0.. {
        if left == 0 {
            break;
        }
        fill(&mut block, seed, number);
        let take = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        sha.update(&block[..take]);
        left -= take as u64;
    }
    sha.finalize().into()
}
