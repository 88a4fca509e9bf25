//! A frame that lets any module be placed and routed on its own, whatever the number of its ports.

use std::sync::Arc;

use logloom_hdl::rtl::{Builder, ElaborationError, Expr, Module, cat, unsigned};

/// Module `<name>_frame`: `module` between registers, with the ports `clk_i`, `rst_ni`, `serial_i` and `serial_o`.
///
/// Bits shifted in feed the inputs. The outputs are captured, and their running parity is shifted out, so that synthesis
/// has to keep every bit. Between two registers of its own, the frame has one LUT at most: up to some 400 MHz, the slowest
/// path is the module's.
///
/// # Errors
/// The module has no output, or more bits than a signal can have.
pub fn frame(module: &Arc<Module>) -> Result<Arc<Module>, ElaborationError> {
    let doc = format!("Register-to-register paths of `{}` behind four pins, for measuring them.", module.name);
    let mut m = Builder::new(&format!("{}_frame", module.name), &doc);
    let serial = m.input("serial_i", unsigned(1));

    let ports: Vec<_> = module.inputs.iter().map(|&port| module.signal(port)).collect();
    let bits: u32 = ports.iter().map(|port| port.ty.width).sum();
    let stimulus = if bits == 0 {
        m.discard(&serial);
        serial
    } else {
        let stimulus = m.register("stimulus_q", unsigned(bits));
        // Inverted from bit to bit: synthesis would merge a plain shift register with the module's input registers.
        m.drive(&stimulus, !shifted(&stimulus.value(), serial));
        stimulus.value()
    };
    let mut low = 0;
    let inputs: Vec<(&str, Expr)> = ports
        .iter()
        .map(|port| {
            let value = stimulus.slice(low, port.ty.width);
            low += port.ty.width;
            (port.name.as_str(), if port.ty.signed { value.as_signed() } else { value })
        })
        .collect();
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(name, value)| (*name, value)).collect();
    let outputs = m.instance("framed", module, &inputs);

    let outputs: Vec<Expr> = module.outputs.iter().map(|(name, _)| outputs.get(name)).collect();
    let response = m.reg("response_q", cat(&outputs));
    let parity = m.register("parity_q", response.ty());
    m.drive(&parity, shifted(&parity.value(), Expr::zero(unsigned(1))) ^ response);
    m.output("serial_o", parity.value().msb());
    m.finish()
}

/// The value one bit further up, with `entering` as its lowest bit.
fn shifted(value: &Expr, entering: Expr) -> Expr {
    match value.width() {
        1 => entering,
        width => cat(&[value.slice(0, width - 1), entering]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logloom_hdl::rtl::signed;
    use logloom_sim::netlist::{Fault, FaultKind, Options, Simulator};

    /// Some outputs through a register, some not; signed and unsigned; one bit and several.
    fn mixed() -> Arc<Module> {
        let mut m = Builder::new("mixed", "For a test.");
        let number = m.input("number_i", signed(3));
        let flag = m.input("flag_i", unsigned(1));
        let kept = m.reg_when("kept_q", &flag, &number);
        m.output("kept_o", kept);
        m.output("flag_o", !flag);
        m.finish().unwrap()
    }

    /// What leaves the frame while pseudo-random bits enter it.
    fn serial(frame: &Arc<Module>, faults: Vec<Fault>) -> Vec<u64> {
        let mut simulator = Simulator::with_options(frame, &Options { faults, ..Options::default() }).unwrap();
        let (input, output) = (simulator.input("serial_i").unwrap(), simulator.output("serial_o").unwrap());
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut cycle = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            simulator.set(input, state >> 63);
            simulator.step();
            simulator.get(output)
        };
        (0..64).map(|_| cycle()).collect()
    }

    #[test]
    fn every_bit_of_the_module_reaches_the_pin() {
        let frame = frame(&mixed()).unwrap();
        let sound = serial(&frame, Vec::new());
        let simulator = Simulator::new(&frame).unwrap();
        for (register, bits) in [("stimulus_q", 4), ("framed_kept", 3), ("framed_flag", 1), ("response_q", 4)] {
            let (_, path) = simulator.signals().find(|(_, path)| path.ends_with(register)).expect(register);
            for bit in 0..bits {
                for kind in [FaultKind::StuckAt0, FaultKind::StuckAt1] {
                    let fault = Fault { path: path.into(), bit, kind };
                    assert_ne!(serial(&frame, vec![fault]), sound, "{path}[{bit}]");
                }
            }
        }
    }

    #[test]
    fn four_pins_for_any_module() {
        let mut m = Builder::new("counter", "For a test: no inputs, one bit.");
        let count = m.register("count_q", unsigned(1));
        m.drive(&count, count.value() + 1);
        m.output("count_o", count.value());
        for module in [mixed(), m.finish().unwrap()] {
            let frame = frame(&module).unwrap();
            assert_eq!(frame.name, format!("{}_frame", module.name));
            assert!(frame.is_sequential());
            assert_eq!((frame.inputs.len(), frame.outputs.len()), (1, 1));
            assert_eq!((frame.input("serial_i"), frame.output("serial_o")), (Some(0), Some(0)));
        }
    }
}
