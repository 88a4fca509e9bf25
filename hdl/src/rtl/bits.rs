//! Constants of any width.

use std::fmt;

/// A bit vector of a fixed width, little-endian words of 64 bits; the bits above the width are zero.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bits {
    width: u32,
    words: Vec<u64>,
}

impl Bits {
    /// All zero, `width` bits.
    pub fn zero(width: u32) -> Self {
        Bits { width, words: vec![0; width.div_ceil(64) as usize] }
    }

    /// The low `width` bits of `value`, sign-extended first when `width` exceeds 64.
    pub fn from_i64(width: u32, value: i64) -> Self {
        let fill = if value < 0 { u64::MAX } else { 0 };
        let words = (0..width.div_ceil(64)).map(|i| if i == 0 { value as u64 } else { fill }).collect();
        Bits { width, words }.masked()
    }

    /// From little-endian words; missing words are zero, bits above `width` are dropped.
    pub fn from_words(width: u32, words: &[u64]) -> Self {
        let mut own = words.to_vec();
        own.resize(width.div_ceil(64) as usize, 0);
        Bits { width, words: own }.masked()
    }

    fn masked(mut self) -> Self {
        let used = self.width % 64;
        if used != 0
            && let Some(top) = self.words.last_mut()
        {
            *top &= (1 << used) - 1;
        }
        self
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    /// Little-endian words.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Bit `index`; false above the width.
    pub fn bit(&self, index: u32) -> bool {
        self.words.get(index as usize / 64).is_some_and(|w| w >> (index % 64) & 1 == 1)
    }

    /// `width` bits from bit `low` up.
    pub fn slice(&self, low: u32, width: u32) -> Self {
        let mut out = Bits::zero(width);
        for i in 0..width {
            if self.bit(low + i) {
                out.words[i as usize / 64] |= 1 << (i % 64);
            }
        }
        out
    }

    /// Widened to `width`, with copies of the top bit if `signed`, with zeros otherwise.
    pub fn extend(&self, width: u32, signed: bool) -> Self {
        let mut out = Bits::from_words(width, &self.words);
        if signed && self.width > 0 && self.bit(self.width - 1) {
            for i in self.width..width {
                out.words[i as usize / 64] |= 1 << (i % 64);
            }
        }
        out
    }

    pub fn is_zero(&self) -> bool {
        self.words.iter().all(|&w| w == 0)
    }

    /// The value when it fits 64 bits unsigned.
    pub fn to_u64(&self) -> Option<u64> {
        self.words.iter().skip(1).all(|&w| w == 0).then(|| self.words.first().copied().unwrap_or(0))
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}'h{self:x}", self.width)
    }
}

impl fmt::LowerHex for Bits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let digits = self.width.div_ceil(4).max(1);
        for d in (0..digits).rev() {
            let nibble = (0..4).fold(0, |n, b| n | u32::from(self.bit(d * 4 + b)) << b);
            write!(f, "{}", char::from_digit(nibble, 16).unwrap_or('0'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_negative_constants_are_sign_extended_and_masked() {
        let bits = Bits::from_i64(130, -2);
        assert_eq!(bits.words(), &[u64::MAX - 1, u64::MAX, 3]);
        assert_eq!(format!("{bits:x}"), format!("3{}e", "f".repeat(31)));
        assert_eq!(Bits::from_i64(7, -2).extend(130, true), bits);
        assert_eq!(Bits::from_i64(7, -2).extend(130, false).to_u64(), Some(0x7E));
    }

    #[test]
    fn slices_cross_words() {
        let bits = Bits::from_words(128, &[0xF000_0000_0000_0000, 0xA]);
        assert_eq!(bits.slice(60, 8).to_u64(), Some(0xAF));
        assert_eq!(bits.to_u64(), None);
    }
}
