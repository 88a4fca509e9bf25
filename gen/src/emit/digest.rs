//! The digest by which a design is known: in file headers, manifests and the register DIGEST.

use logloom_hdl::design::Design;

use crate::files::sha256;

/// SHA-256 of [`Design::digest_text`], hexadecimal.
pub fn design(design: &Design) -> String {
    sha256(design.digest_text().as_bytes())
}

/// What the register DIGEST reads: the first 32 bits of [`design`](fn@design).
pub fn word(of: &Design) -> u32 {
    u32::from_str_radix(&design(of)[..8], 16).expect("eight hexadecimal digits")
}
