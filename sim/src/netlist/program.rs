//! A net list in the form that the evaluator runs: a table of words and groups of operations of one kind.
//!
//! Among the operations whose operands are known, the kind with the most of them is always taken next, all of it at
//! once. In an array of equal elements nearly every group is as long as the array is large, and the decision which
//! operation to perform is made once for the group.

use super::wide::{self, Operand, words};
use super::{Driver, NetId, Netlist, Op};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the operations of a group compute. `a`, `b`, `c` are slots; values are zero above their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    /// `q` unused bits above the result.
    Not,
    Negate,
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Any,
    /// `q` unused bits above the operand.
    All,
    Parity,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    /// `q` unused bits above the operands.
    LessSigned,
    LessEqualSigned,
    /// `q` unused bits above value and result.
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    /// `a ? b : c`.
    Mux,
    /// Index in `a`; `c` slots from `lists[b]`.
    Select,
    /// Index in `a`, into `tables[b]`; `q` unused bits above the result.
    Lookup,
    /// From bit `p` of `a`; `q` unused bits above the result.
    Slice,
    /// From bit `p` of `a`, the high bits from `b`.
    SliceAcross,
    /// `b` moved up by `p` over `a`.
    Join,
    /// `c` pairs (slot, position) from `lists[b]`.
    JoinMany,
    /// `p` unused bits above the operand, `q` above the result.
    SignExtend,
    /// `wide[a]`.
    Wide,
}

/// One operation on values of at most 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub a: u32,
    pub b: u32,
    pub c: u32,
    pub p: u8,
    pub q: u8,
}

/// One operation with a value of more than 64 bits.
#[derive(Debug)]
pub(super) struct WideStep {
    pub op: Op,
    pub width: u32,
    pub operands: Vec<Operand>,
}

/// Operations of one kind; the results stand side by side from `out` on, above every operand.
#[derive(Debug)]
pub(super) struct Group {
    pub code: Code,
    pub out: u32,
    pub first: u32,
    pub count: u32,
}

/// Registers under one enable, all with a reset or all without: words `first .. first + count` of the table.
#[derive(Debug)]
pub(super) struct Bank {
    pub enable: Option<u32>,
    pub resets: bool,
    pub first: u32,
    pub count: u32,
    /// Taken at the clock edge under way.
    pub on: bool,
}

#[derive(Debug, Default)]
pub(super) struct Program {
    /// The slot of every net: the position of its lowest word.
    pub slots: Vec<u32>,
    /// The table at power-up.
    pub values: Vec<u64>,
    pub groups: Vec<Group>,
    pub steps: Vec<Step>,
    pub lists: Vec<u32>,
    pub tables: Vec<Arc<[u32]>>,
    pub wide: Vec<WideStep>,
    pub banks: Vec<Bank>,
    /// For every word of the registers, which stand at the start of the table: where its next value is.
    pub next: Vec<u32>,
    pub reset: Vec<u64>,
    /// Words of registers and read data at the start of the table.
    pub state: usize,
}

pub(super) fn compile(netlist: &Netlist) -> Program {
    let mut program =
        Program { slots: vec![u32::MAX; netlist.nets.len()], tables: netlist.tables.clone(), ..Program::default() };
    program.place_state(netlist);
    for (id, net) in netlist.nets.iter().enumerate() {
        match &net.driver {
            Driver::Input => {
                program.allocate(id as NetId, net.width);
            }
            Driver::Constant(bits) => {
                let slot = program.allocate(id as NetId, net.width);
                program.values[slot..].copy_from_slice(bits.words());
            }
            Driver::State | Driver::Op(..) => {}
        }
    }
    program.schedule(netlist);
    program.connect_registers(netlist);
    program
}

impl Program {
    fn allocate(&mut self, net: NetId, width: u32) -> usize {
        let slot = self.values.len();
        self.slots[net as usize] = slot as u32;
        self.values.resize(slot + words(width), 0);
        slot
    }

    /// Registers with the same enable side by side, then the read data of memories.
    fn place_state(&mut self, netlist: &Netlist) {
        for (_, registers) in banks(netlist) {
            for register in registers {
                let value = netlist.registers[register].value;
                self.allocate(value, netlist.nets[value as usize].width);
            }
        }
        for memory in &netlist.memories {
            self.allocate(memory.value, memory.width);
        }
        self.state = self.values.len();
    }

    fn connect_registers(&mut self, netlist: &Netlist) {
        for ((enable, resets), registers) in banks(netlist) {
            let first = self.next.len() as u32;
            for register in registers {
                let register = &netlist.registers[register];
                let from = self.slots[register.next as usize];
                let count = words(netlist.nets[register.value as usize].width);
                self.next.extend((0..count as u32).map(|word| from + word));
                match &register.reset {
                    Some(reset) => self.reset.extend_from_slice(reset.words()),
                    None => self.reset.extend(std::iter::repeat_n(0, count)),
                }
            }
            let count = self.next.len() as u32 - first;
            let enable = enable.map(|e| self.slots[e as usize]);
            self.banks.push(Bank { enable, resets, first, count, on: false });
        }
    }

    fn schedule(&mut self, netlist: &Netlist) {
        let mut users: Vec<Vec<NetId>> = vec![Vec::new(); netlist.nets.len()];
        let mut missing = vec![0u32; netlist.nets.len()];
        for (id, net) in netlist.nets.iter().enumerate() {
            if let Driver::Op(_, operands) = &net.driver {
                for &operand in operands {
                    users[operand as usize].push(id as NetId);
                }
                missing[id] = operands.len() as u32;
            }
        }
        let mut ready: BTreeMap<Code, Vec<NetId>> = BTreeMap::new();
        let mut known: Vec<NetId> = (0..netlist.nets.len() as NetId)
            .filter(|&n| !matches!(netlist.nets[n as usize].driver, Driver::Op(..)))
            .collect();
        loop {
            while let Some(net) = known.pop() {
                for &user in &users[net as usize] {
                    missing[user as usize] -= 1;
                    if missing[user as usize] == 0 {
                        match self.alias(netlist, user) {
                            Some(slot) => {
                                self.slots[user as usize] = slot;
                                known.push(user);
                            }
                            None => ready.entry(code(netlist, user)).or_default().push(user),
                        }
                    }
                }
            }
            // The first of the longest, so that the order is the same in every run.
            let Some((&code, _)) = ready.iter().rev().max_by_key(|(_, nets)| nets.len()) else { break };
            let mut nets = ready.remove(&code).unwrap_or_default();
            nets.sort_unstable();
            self.group(netlist, code, &nets);
            known = nets;
        }
    }

    /// The slot of an operand that already holds the result: nothing is to be computed.
    fn alias(&self, netlist: &Netlist, net: NetId) -> Option<u32> {
        let result = &netlist.nets[net as usize];
        let Driver::Op(op, operands) = &result.driver else { return None };
        let lowest = self.slots[operands[0] as usize];
        match op {
            // Zeros above a value are there already, as far as its words go.
            Op::Concat => {
                let upper = &operands[1..];
                let zero =
                    |&net: &NetId| matches!(&netlist.nets[net as usize].driver, Driver::Constant(b) if b.is_zero());
                let same_words = words(result.width) == words(netlist.nets[operands[0] as usize].width);
                (same_words && upper.iter().all(zero)).then_some(lowest)
            }
            Op::Slice(low) => {
                let source = netlist.nets[operands[0] as usize].width;
                let whole_words = result.width.is_multiple_of(64) || low + result.width == source;
                (low % 64 == 0 && whole_words).then_some(lowest + low / 64)
            }
            _ => None,
        }
    }

    fn group(&mut self, netlist: &Netlist, code: Code, nets: &[NetId]) {
        let group =
            Group { code, out: self.values.len() as u32, first: self.steps.len() as u32, count: nets.len() as u32 };
        self.groups.push(group);
        for &net in nets {
            let result = &netlist.nets[net as usize];
            let Driver::Op(op, operands) = &result.driver else { continue };
            let step = self.step(netlist, code, *op, operands, result.width);
            self.steps.push(step);
            self.allocate(net, result.width);
        }
    }

    fn step(&mut self, netlist: &Netlist, code: Code, op: Op, operands: &[NetId], width: u32) -> Step {
        let slot = |i: usize| operands.get(i).map_or(0, |&o| self.slots[o as usize]);
        let operand_width = |i: usize| netlist.nets[operands[i] as usize].width;
        let unused = |width: u32| 64 - width as u8;
        let plain = |q: u8| Step { a: slot(0), b: slot(1), c: slot(2), p: 0, q };
        match code {
            Code::And | Code::Or | Code::Xor | Code::Any | Code::Parity | Code::Mux => plain(0),
            Code::Equal | Code::NotEqual | Code::Less | Code::LessEqual => plain(0),
            Code::All | Code::LessSigned | Code::LessEqualSigned => plain(unused(operand_width(0))),
            Code::Not | Code::Negate | Code::Add | Code::Sub | Code::Mul => plain(unused(width)),
            Code::ShiftLeft | Code::ShiftRight | Code::ShiftRightSigned => plain(unused(width)),
            Code::SignExtend => Step { p: unused(operand_width(0)), ..plain(unused(width)) },
            Code::Slice | Code::SliceAcross => {
                let Op::Slice(low) = op else { return Step::default() };
                let a = slot(0) + low / 64;
                Step { a, b: a + 1, c: 0, p: (low % 64) as u8, q: unused(width) }
            }
            Code::Join => Step { p: operand_width(0) as u8, ..plain(0) },
            Code::JoinMany => {
                let mut position = 0;
                let mut pairs = Vec::new();
                for (i, &operand) in operands.iter().enumerate() {
                    if !matches!(&netlist.nets[operand as usize].driver, Driver::Constant(b) if b.is_zero()) {
                        pairs.extend([slot(i), position]);
                    }
                    position += operand_width(i);
                }
                let step = Step { b: self.lists.len() as u32, c: pairs.len() as u32, ..Step::default() };
                self.lists.extend(pairs);
                step
            }
            Code::Select => {
                let choices: Vec<u32> = (1..operands.len()).map(slot).collect();
                let step = Step { a: slot(0), b: self.lists.len() as u32, c: choices.len() as u32, p: 0, q: 0 };
                self.lists.extend(choices);
                step
            }
            Code::Lookup => {
                let Op::Lookup(table) = op else { return Step::default() };
                Step { b: table, ..plain(unused(width)) }
            }
            Code::Wide => {
                let operands =
                    (0..operands.len()).map(|i| Operand { slot: slot(i), width: operand_width(i) }).collect();
                self.wide.push(WideStep { op, width, operands });
                Step { a: self.wide.len() as u32 - 1, ..Step::default() }
            }
        }
    }
}

/// The enable of a bank, and whether its registers have a reset.
type BankKey = (Option<NetId>, bool);

/// Registers by enable, in the order of the first register of each.
fn banks(netlist: &Netlist) -> Vec<(BankKey, Vec<usize>)> {
    let mut position = BTreeMap::new();
    let mut banks: Vec<(BankKey, Vec<usize>)> = Vec::new();
    for (index, register) in netlist.registers.iter().enumerate() {
        let key = (register.enable, register.reset.is_some());
        let bank = *position.entry(key).or_insert_with(|| {
            banks.push((key, Vec::new()));
            banks.len() - 1
        });
        banks[bank].1.push(index);
    }
    banks
}

fn code(netlist: &Netlist, net: NetId) -> Code {
    let result = &netlist.nets[net as usize];
    let Driver::Op(op, operands) = &result.driver else { return Code::Wide };
    if let Op::Slice(low) = op
        && result.width <= 64
    {
        let across = low % 64 + result.width > 64;
        return if across { Code::SliceAcross } else { Code::Slice };
    }
    if result.width > 64 || operands.iter().any(|&o| netlist.nets[o as usize].width > 64) {
        return Code::Wide;
    }
    match op {
        Op::Not => Code::Not,
        Op::Negate => Code::Negate,
        Op::Any => Code::Any,
        Op::All => Code::All,
        Op::Parity => Code::Parity,
        Op::Add => Code::Add,
        Op::Sub => Code::Sub,
        Op::Mul => Code::Mul,
        Op::And => Code::And,
        Op::Or => Code::Or,
        Op::Xor => Code::Xor,
        Op::Equal => Code::Equal,
        Op::NotEqual => Code::NotEqual,
        Op::Less => Code::Less,
        Op::LessSigned => Code::LessSigned,
        Op::LessEqual => Code::LessEqual,
        Op::LessEqualSigned => Code::LessEqualSigned,
        Op::ShiftLeft => Code::ShiftLeft,
        Op::ShiftRight => Code::ShiftRight,
        Op::ShiftRightSigned => Code::ShiftRightSigned,
        Op::Mux => Code::Mux,
        Op::Select => Code::Select,
        Op::Lookup(_) => Code::Lookup,
        Op::Slice(_) => Code::Slice,
        Op::Concat if operands.len() == 2 => Code::Join,
        Op::Concat => Code::JoinMany,
        Op::SignExtend => Code::SignExtend,
    }
}

/// Evaluates every group once. `values` is the table of the program.
pub(super) fn evaluate(program: &Program, values: &mut [u64]) {
    for group in &program.groups {
        let steps = &program.steps[group.first as usize..][..group.count as usize];
        let lists = &program.lists;
        let signed = |value: u64, unused: u8| (value << unused) as i64;
        // Results stand above all operands, so the table splits into what is read and what is written.
        let (read, write) = values.split_at_mut(group.out as usize);
        let at = |slot: u32| read[slot as usize];
        macro_rules! each {
            (|$s:ident| $result:expr) => {
                for (out, $s) in write.iter_mut().zip(steps) {
                    *out = $result;
                }
            };
        }
        match group.code {
            Code::Not => each!(|s| !at(s.a) & u64::MAX >> s.q),
            Code::Negate => each!(|s| at(s.a).wrapping_neg() & u64::MAX >> s.q),
            Code::Add => each!(|s| at(s.a).wrapping_add(at(s.b)) & u64::MAX >> s.q),
            Code::Sub => each!(|s| at(s.a).wrapping_sub(at(s.b)) & u64::MAX >> s.q),
            Code::Mul => each!(|s| at(s.a).wrapping_mul(at(s.b)) & u64::MAX >> s.q),
            Code::And => each!(|s| at(s.a) & at(s.b)),
            Code::Or => each!(|s| at(s.a) | at(s.b)),
            Code::Xor => each!(|s| at(s.a) ^ at(s.b)),
            Code::Any => each!(|s| u64::from(at(s.a) != 0)),
            Code::All => each!(|s| u64::from(at(s.a) == u64::MAX >> s.q)),
            Code::Parity => each!(|s| u64::from(at(s.a).count_ones() & 1)),
            Code::Equal => each!(|s| u64::from(at(s.a) == at(s.b))),
            Code::NotEqual => each!(|s| u64::from(at(s.a) != at(s.b))),
            Code::Less => each!(|s| u64::from(at(s.a) < at(s.b))),
            Code::LessEqual => each!(|s| u64::from(at(s.a) <= at(s.b))),
            Code::LessSigned => each!(|s| u64::from(signed(at(s.a), s.q) < signed(at(s.b), s.q))),
            Code::LessEqualSigned => each!(|s| u64::from(signed(at(s.a), s.q) <= signed(at(s.b), s.q))),
            Code::ShiftLeft => each!(|s| match at(s.b) {
                amount @ 0..64 => at(s.a) << amount & u64::MAX >> s.q,
                _ => 0,
            }),
            Code::ShiftRight => each!(|s| match at(s.b) {
                amount @ 0..64 => at(s.a) >> amount,
                _ => 0,
            }),
            Code::ShiftRightSigned => each!(|s| {
                let extended = signed(at(s.a), s.q) >> s.q;
                (extended >> at(s.b).min(63)) as u64 & u64::MAX >> s.q
            }),
            Code::Mux => each!(|s| at(if at(s.a) != 0 { s.b } else { s.c })),
            Code::Select => each!(|s| {
                let index = at(s.a).min(u64::from(s.c) - 1);
                at(lists[s.b as usize + index as usize])
            }),
            Code::Lookup => each!(|s| u64::from(program.tables[s.b as usize][at(s.a) as usize]) & u64::MAX >> s.q),
            Code::Slice => each!(|s| at(s.a) >> s.p & u64::MAX >> s.q),
            Code::SliceAcross => each!(|s| (at(s.a) >> s.p | at(s.b) << (64 - s.p)) & u64::MAX >> s.q),
            Code::Join => each!(|s| at(s.a) | at(s.b) << s.p),
            Code::JoinMany => each!(|s| {
                let pairs = lists[s.b as usize..][..s.c as usize].chunks_exact(2);
                pairs.fold(0, |joined, pair| joined | at(pair[0]) << pair[1])
            }),
            Code::SignExtend => each!(|s| (signed(at(s.a), s.p) >> s.p) as u64 & u64::MAX >> s.q),
            Code::Wide => {
                let mut from = 0;
                for step in steps {
                    let wide = &program.wide[step.a as usize];
                    let size = words(wide.width);
                    wide::evaluate(wide.op, wide.width, &wide.operands, read, &mut write[from..from + size]);
                    from += size;
                }
            }
        }
    }
}
