//! What comes of blocks, faultless and at fault.

use logloom_guest::{Number, Ports, write};
use rust_hdl::prelude::*;

type Product<U, N> = fn(&U) -> N;

fn ports<U, A: Number, B: Number, P: Number>(
    a: fn(&mut U) -> &mut Signal<In, A>,
    b: fn(&mut U) -> &mut Signal<In, B>,
    product: Product<U, P>,
) -> Ports<U, A, B, P> {
    Ports { a: ("a", a), b: ("b", b), product: ("product", product), clock: None, latency: 0 }
}

macro_rules! handed_over {
    ($block:ty, $folder:expr) => {
        write(
            stringify!($block),
            <$block>::default,
            ports(|unit: &mut $block| &mut unit.a, |unit| &mut unit.b, |unit| unit.product.val()),
            $folder,
        )
    };
}

macro_rules! refused {
    ($block:ty) => {{
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let error = handed_over!($block, &path).unwrap_err();
        assert!(!path.exists(), "nothing is written");
        format!("{error:#}")
    }};
}

#[derive(LogicBlock, Default)]
struct Gates {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Bits<8>>,
}

impl Logic for Gates {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = bit_cast::<8, 4>(self.a.val() & self.b.val());
    }
}

#[test]
fn a_faultless_block() {
    let folder = tempfile::tempdir().unwrap();
    let settings = handed_over!(Gates, folder.path()).unwrap();
    assert!(settings.starts_with("[arithmetic]\nfamily = \"guest\"\n\n[guest]\nverilog = "), "{settings}");
    let verilog = std::fs::read_to_string(folder.path().join("gates.v")).unwrap();
    assert!(verilog.contains("module gates("), "{verilog}");
    let table = std::fs::read(folder.path().join("gates.npy")).unwrap();
    let table = npyz::NpyFile::new(&table[..]).unwrap();
    assert_eq!(table.shape(), [16, 16]);
    let table: Vec<i32> = table.into_vec().unwrap();
    let expected: Vec<i32> = (0..256).map(|index| (index >> 4) & (index & 15)).collect();
    assert_eq!(table, expected);
}

/// The same with a register.
#[derive(LogicBlock, Default)]
struct Registered {
    pub clock: Signal<In, Clock>,
    pub a: Signal<In, Signed<4>>,
    pub b: Signal<In, Signed<4>>,
    pub product: Signal<Out, Signed<4>>,
    kept: DFF<Signed<4>>,
}

impl Logic for Registered {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, kept);
        self.kept.d.next = self.a.val() - self.b.val();
        self.product.next = self.kept.q.val();
    }
}

fn registered(latency: u32, folder: &std::path::Path) -> anyhow::Result<String> {
    let mut ports = ports(|unit: &mut Registered| &mut unit.a, |unit| &mut unit.b, |unit| unit.product.val());
    ports.clock = Some(("clock", |unit| &mut unit.clock));
    ports.latency = latency;
    write("Registered", Registered::default, ports, folder)
}

#[test]
fn a_block_with_a_register() {
    let folder = tempfile::tempdir().unwrap();
    let settings = registered(1, folder.path()).unwrap();
    assert!(settings.ends_with("clock = \"clock\"\nlatency = 1\n"), "{settings}");
    let table = std::fs::read(folder.path().join("registered.npy")).unwrap();
    let table: Vec<i32> = npyz::NpyFile::new(&table[..]).unwrap().into_vec().unwrap();
    let wrapped = |value: i32| value << 28 >> 28;
    let expected: Vec<i32> = (0..256).map(|index| wrapped((index >> 4) - (index & 15))).collect();
    assert_eq!(table, expected);
}

#[test]
fn a_latency_that_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |latency| format!("{:#}", registered(latency, folder.path()).unwrap_err());
    assert_eq!(
        refused(0),
        "block Registered: clock is its clock, but its latency is 0; state the cycles from operands to product"
    );
    assert_eq!(
        refused(2),
        "block Registered: -5 x 1 is 0 at one time and -6 at another, but a product may depend on its operands alone; is 2 its \
         latency?"
    );
}

#[test]
fn files_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    handed_over!(Gates, folder.path()).unwrap();
    handed_over!(Gates, folder.path()).unwrap();
    let path = folder.path().join("gates.v");
    std::fs::write(&path, "module gates;").unwrap();
    let error = format!("{:#}", handed_over!(Gates, folder.path()).unwrap_err());
    assert!(error.ends_with("gates.v: this file is not from here and stays; name another folder"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "module gates;");
}

#[derive(LogicBlock, Default)]
struct Undriven {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Bits<8>>,
}

impl Logic for Undriven {
    #[hdl_gen]
    fn update(&mut self) {}
}

#[test]
fn a_product_that_nothing_drives() {
    assert_eq!(refused!(Undriven), "block Undriven: nothing drives `product`; assign it in `update` on every path");
}

#[derive(LogicBlock, Default)]
struct Latch {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Bits<8>>,
}

impl Logic for Latch {
    #[hdl_gen]
    fn update(&mut self) {
        if self.a.val().any() {
            self.product.next = bit_cast::<8, 4>(self.b.val());
        }
    }
}

#[test]
fn a_product_that_remembers() {
    assert_eq!(
        refused!(Latch),
        "block Latch: 0 x 0 is 0 at one time and 15 at another, but a product may depend on its operands alone; assign every signal on every path of `update`"
    );
}

#[derive(LogicBlock, Default)]
struct Loop {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Bits<8>>,
    first: Signal<Local, Bits<8>>,
    second: Signal<Local, Bits<8>>,
}

impl Logic for Loop {
    #[hdl_gen]
    fn update(&mut self) {
        self.first.next = self.second.val();
        self.second.next = self.first.val() + bits::<8>(1);
        self.product.next = self.second.val();
    }
}

#[test]
fn a_signal_that_depends_on_itself() {
    assert_eq!(refused!(Loop), "block Loop: `second` depends on itself; put a register into the loop");
}

#[derive(LogicBlock, Default)]
struct Written {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Bits<8>>,
}

impl Logic for Written {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = self.b.val();
        self.product.next = bit_cast::<8, 4>(self.a.val());
    }
}

#[test]
fn an_input_that_is_assigned() {
    assert_eq!(refused!(Written), "block Written: `update` assigns the input `a`; read it only");
}

#[derive(LogicBlock, Default)]
struct Ragged {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<5>>,
    pub product: Signal<Out, Bits<9>>,
}

impl Logic for Ragged {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = bit_cast::<9, 5>(self.b.val());
    }
}

#[test]
fn operands_of_two_widths() {
    assert_eq!(refused!(Ragged), "block Ragged: a is Bits<4> and b is Bits<5>; give both operands one width and kind");
}

#[derive(LogicBlock, Default)]
struct Mixed {
    pub a: Signal<In, Bits<4>>,
    pub b: Signal<In, Bits<4>>,
    pub product: Signal<Out, Signed<8>>,
}

impl Logic for Mixed {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = signed_cast(bit_cast::<8, 4>(self.b.val()));
    }
}

#[test]
fn a_product_of_another_kind() {
    assert_eq!(refused!(Mixed), "block Mixed: product is Signed<8> and a is Bits<4>; make both Signed or both Bits");
}

#[derive(LogicBlock, Default)]
struct Wide {
    pub a: Signal<In, Bits<13>>,
    pub b: Signal<In, Bits<13>>,
    pub product: Signal<Out, Bits<26>>,
}

impl Logic for Wide {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = bit_cast::<26, 13>(self.b.val());
    }
}

#[test]
fn operands_too_wide_for_a_table() {
    assert_eq!(refused!(Wide), "block Wide: its operands have 13 bits; a table is made of 12 or fewer");
}
