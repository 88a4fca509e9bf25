//! SOFTMAX: numbers worked out by hand, and closeness to the real function.
use crate::rig::{Place, Rig, design, exact};
use logloom_hdl::control::isa::*;
use logloom_hdl::host::map::{Region, Register, address};
use proptest::prelude::*;

const GRADIENT_FRAC: u32 = 14;

/// Logits (8 fraction bits) of `samples` x `classes`, made by a GEMM with the identity.
fn rig(columns: u32, classes: usize, logits: &[i64], labels: &[u16]) -> (Rig, u16) {
    let mut design = design(3, columns, exact(16));
    design.accumulator_depth = 256;
    design.gradient.frac = GRADIENT_FRAC;
    design.weight.frac = 0;
    let mut rig = Rig::new(design);
    let samples = logits.len() / classes;
    for (sample, &label) in labels.iter().enumerate() {
        rig.write(address(Region::Label, sample as u32), label.into());
    }
    let banks = rig.design.banks() as usize;
    let stride = classes.div_ceil(banks) as u16;
    let place = |region| Place { region, base: 0, stride: stride.into() };
    rig.put(place(Region::Activation), classes, logits);
    let identity: Vec<i64> = (0..classes * classes).map(|p| i64::from(p / classes == p % classes)).collect();
    rig.put(place(Region::Weight), classes, &identity);
    rig.run(&[Instruction::Gemm(Gemm {
        dest: Dest::Accumulator,
        m: samples as u16,
        k: classes as u16,
        n: classes as u16,
        block: 2,
        moving_stride: stride,
        stationary_stride: stride,
        acc_base: 5,
        ..Gemm::default()
    })]);
    (rig, stride)
}

fn softmax(samples: usize, classes: usize, stride: u16, passes: Passes) -> Instruction {
    Instruction::Softmax(Softmax {
        passes,
        m: samples as u16,
        n: classes as u16,
        dest_stride: stride,
        acc_base: 5,
        ..Softmax::default()
    })
}

/// Gradient operands of the exact family, row-major.
fn gradients(rig: &mut Rig, stride: u16, samples: usize, classes: usize) -> Vec<i64> {
    let codes = rig.read_all(Region::Gradient);
    let place = Place { region: Region::Gradient, base: 0, stride: stride.into() };
    (0..samples * classes)
        .map(|p| i64::from(codes[rig.word(place, p / classes, p % classes) as usize] as i16))
        .collect()
}

#[test]
fn equal_logits_of_two_classes() {
    let (mut rig, stride) = rig(2, 2, &[300, 300], &[1]);
    rig.run(&[softmax(1, 2, stride, Passes::Gradient)]);
    assert_eq!(rig.read_all(Region::Maximum)[0], 300);
    // The smallest class wins a tie, so the label 1 is missed.
    assert_eq!(rig.read_all(Region::Prediction)[0], 0);
    assert_eq!(rig.register(Register::Correct), 0);
    // log2 of 2 is 1; one half is 2^13 with 14 fraction bits; the loss is one bit.
    assert_eq!(rig.read_all(Region::LogSum)[0], 256);
    assert_eq!(rig.read_all(Region::Rest)[0], 1 << 13);
    assert_eq!(rig.register(Register::Loss), 256);
    assert_eq!(gradients(&mut rig, stride, 1, 2), [1 << 13, -(1 << 13)]);
}

#[test]
fn passes_stop_where_they_should() {
    let all = [
        (Passes::Argmax, [true, false, false, false]),
        (Passes::LogSum, [true, true, false, false]),
        (Passes::Loss, [true, true, true, false]),
        (Passes::Gradient, [true, true, true, true]),
    ];
    for (passes, expected) in all {
        let (mut rig, stride) = rig(2, 3, &[-300, -200, -300], &[0]);
        rig.run(&[softmax(1, 3, stride, passes)]);
        assert_eq!(rig.read_all(Region::Maximum)[0] as i32, -200);
        let written = [
            rig.read_all(Region::Prediction)[0] == 1,
            rig.read_all(Region::LogSum)[0] != 0,
            rig.read_all(Region::Rest)[0] != 0 && rig.register(Register::Loss) != 0,
            rig.read_all(Region::Gradient).iter().any(|&code| code != 0),
        ];
        assert_eq!(written, expected, "{passes:?}");
    }
}

#[test]
fn a_label_that_is_no_class_has_no_loss() {
    let (mut rig, stride) = rig(4, 3, &[0, 0, 0], &[9]);
    rig.run(&[softmax(1, 3, stride, Passes::Gradient)]);
    assert_eq!(rig.register(Register::Loss), 0);
    assert!(gradients(&mut rig, stride, 1, 3).iter().all(|&g| g > 0));
}

#[test]
fn rest_saturates() {
    // With 15 fraction bits 1.0 does not fit 16 bits.
    let (mut rig, stride) = rig(2, 2, &[32767, -32768], &[1]);
    rig.design.gradient.frac = 15;
    let mut fresh = Rig::new(rig.design.clone());
    let logits = Place { region: Region::Activation, base: 0, stride: 1 };
    fresh.put(logits, 2, &[32767, -32768]);
    fresh.put(Place { region: Region::Weight, ..logits }, 2, &[1, 0, 0, 1]);
    fresh.write(address(Region::Label, 0), 1);
    let gemm = Gemm { dest: Dest::Accumulator, m: 1, k: 2, n: 2, block: 1, acc_base: 5, ..Gemm::default() };
    fresh.run(&[Instruction::Gemm(gemm), softmax(1, 2, stride, Passes::Gradient)]);
    assert_eq!(fresh.read_all(Region::Rest)[0], 32767);
    assert_eq!(gradients(&mut fresh, stride, 1, 2), [32767, -32767]);
}

proptest! {
    #[test]
    fn gradients_sum_to_zero_and_follow_the_real_softmax(
        columns in 1u32..=5,
        classes in 2usize..=11,
        logits in prop::collection::vec(-2000i64..2000, 44),
        labels in prop::collection::vec(0u16..11, 4),
    ) {
        let logits = &logits[..4 * classes];
        let labels: Vec<u16> = labels.iter().map(|label| label % classes as u16).collect();
        let (mut rig, stride) = rig(columns, classes, logits, &labels);
        rig.run(&[softmax(4, classes, stride, Passes::Gradient)]);
        let gradients = gradients(&mut rig, stride, 4, classes);
        let (mut correct, mut loss) = (0, 0.0);
        for (sample, &label) in labels.iter().enumerate() {
            let logits = &logits[sample * classes..][..classes];
            let gradient = &gradients[sample * classes..][..classes];
            prop_assert_eq!(gradient.iter().sum::<i64>(), 0);

            let maximum = *logits.iter().max().unwrap();
            let first = logits.iter().position(|&z| z == maximum).unwrap();
            prop_assert_eq!(rig.read_all(Region::Maximum)[sample] as i32, maximum as i32);
            prop_assert_eq!(rig.read_all(Region::Prediction)[sample], first as u32);
            correct += u32::from(first == usize::from(label));

            let real: Vec<f64> = logits.iter().map(|&z| ((z - maximum) as f64 / 256.0).exp()).collect();
            let sum: f64 = real.iter().sum();
            for (class, (&g, e)) in gradient.iter().zip(&real).enumerate() {
                let target = e / sum - f64::from(class == usize::from(label));
                // A logarithm with a linear mantissa is off by up to 0.086, and one is taken both ways.
                let error = (g as f64 / 16384.0 - target).abs();
                prop_assert!(error < 0.2 * target.abs() + 0.01, "{g} for {target}");
            }
            loss -= (real[usize::from(label)] / sum).log2();
        }
        prop_assert_eq!(rig.register(Register::Correct), correct);
        let measured = f64::from(rig.register(Register::Loss)) / 256.0;
        prop_assert!((measured - loss).abs() < 0.02 * loss + 0.5, "{measured} for {loss}");
    }
}
