//! A shifter to the left: what products with powers of two are made of.
use crate::rtl::{Builder, Expr, cat, mux, unsigned};

/// Bits of distances up to `most`.
pub(super) fn distance_bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// `value << distance` where `nonzero`, else 0.
pub(super) struct Shift<'a> {
    /// Stands before the names of all signals.
    pub name: &'a str,
    /// Named, signed or unsigned.
    pub value: &'a Expr,
    pub nonzero: &'a Expr,
    /// `distance_bits(most)` of them: none where there is but one distance, 0.
    pub distance: Option<&'a Expr>,
    /// The largest distance.
    pub most: u32,
}

impl Shift<'_> {
    /// The shifted value, as wide as the largest distance makes it, `stages` cycles later.
    ///
    /// Step i shifts by `2^i` or not, and a register stands behind each of the last steps. In front of one, nothing costs a
    /// LUT that makes a bit 0: its reset pin does it. So the first register makes the value 0, and the low bits that a
    /// step fills with zeros are free; the last steps are the wide ones. Without a register, the first step has an input
    /// left in its LUTs.
    pub fn build(&self, m: &mut Builder, stages: u32) -> Expr {
        let Self { name, value, nonzero, most, .. } = *self;
        let is_signed = value.is_signed();
        let typed = |value: Expr| if is_signed { value.as_signed() } else { value };
        let mut distance = self.distance.cloned();
        let steps = distance.as_ref().map_or(0, Expr::width);
        assert_eq!(steps, distance_bits(most));
        // Bits of the distance that are left count from here.
        let mut spent = 0;
        let mut shifted = value.clone();
        if steps == 0 && stages == 0 {
            shifted = m.wire(&format!("{name}kept"), shifted.gate(nonzero));
        }
        let mut registers = 0;
        for step in 0..=steps {
            // All that the steps that follow have no place for.
            while registers + (steps - step) < stages {
                registers += 1;
                let next = if registers == 1 { shifted.gate(nonzero) } else { shifted };
                shifted = m.reg_unreset(&format!("{name}shifted_stage{registers}_q"), next);
                distance = distance.filter(|_| step < steps).map(|distance| {
                    let rest = distance.slice(step - spent, steps - step);
                    spent = step;
                    m.reg_unreset(&format!("{name}distance_stage{registers}_q"), rest)
                });
            }
            if let Some(distance) = distance.as_ref().filter(|_| step < steps) {
                let by = 1 << step;
                // Distances above the largest do not occur.
                let reach = (0..=most).map(|distance| distance & (2 * by - 1)).max().unwrap_or(0);
                let width = value.width() + reach;
                let far = typed(cat(&[shifted.slice(0, width - by), Expr::zero(unsigned(by))]));
                let next = mux(&distance.bit(step - spent), &far, &shifted.extend(width));
                let next = if step == 0 && stages == 0 { next.gate(nonzero) } else { next };
                shifted = m.wire(&format!("{name}shifted{by}"), next);
            }
        }
        shifted
    }
}
