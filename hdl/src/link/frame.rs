//! Frames: the host port at the far end of a line of bytes (section 6 of the specification).

use super::crc32::crc32;
use crate::rtl::{
    Builder, ElaborationError, Expr, Module, ReadPort, ReadUnderWrite, WritePort, address_bits, cat, mux, select,
    unsigned,
};
use std::sync::Arc;

/// First byte of a request.
pub const REQUEST: u8 = 0xA5;
/// First byte of a reply. Another one, so that a line that echoes is not mistaken for an accelerator.
pub const REPLY: u8 = 0x5A;
/// Words that a request may hold: as many as are kept until their CRC has been checked.
pub const MAX_WORDS: usize = 128;

/// What a request asks for: the third byte of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Begins a session.
    Open = 0,
    Write = 1,
    Read = 2,
}

/// What became of a request: the third byte of the head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    Done = 0,
    /// No session since the last reset, or the sequence number is neither the last one nor the one after it.
    OutOfStep = 1,
    /// No such operation, or not with that many words.
    Malformed = 2,
}

impl Status {
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Status::Done),
            1 => Some(Status::OutOfStep),
            2 => Some(Status::Malformed),
            _ => None,
        }
    }
}

/// What the module is doing.
#[derive(Clone, Copy)]
enum State {
    /// Waits for a frame, or for the rest of one.
    Receive,
    /// Waits for the CRC of the last byte, then judges the request.
    Check,
    /// Takes a word of the request out of the buffer, byte by byte.
    Fetch,
    /// Carries out that word: the head of a run, or data to write.
    Act,
    /// Begins the reply.
    Answer,
    /// Finds the next word of the reply: one that the host port reads, or the CRC.
    Next,
    /// Sends a word, byte by byte.
    Send,
}

/// Module `frame_master`: requests as bytes on `byte_i` (with `byte_valid_i`, at least ten cycles apart), replies as bytes
/// on `byte_o` (taken when `byte_valid_o` and `byte_ready_i`), and a master of the host port (`host_*`).
///
/// A frame that pauses for `silence` cycles, at most twice that, is forgotten.
pub fn frame_master(silence: u32) -> Result<Arc<Module>, ElaborationError> {
    let crc32 = crc32()?;
    let mut m = Builder::new(
        "frame_master",
        "Carries out requests that come in frames of bytes, and answers them. A frame counts only once its CRC is right.",
    );
    let one = unsigned(1);
    let byte_type = unsigned(8);
    let byte_valid = m.input("byte_valid_i", one);
    let byte = m.input("byte_i", byte_type);
    let byte_ready = m.input("byte_ready_i", one);
    let host_ready = m.input("host_ready_i", one);
    let host_data = m.input("host_data_i", unsigned(32));

    let constant = |state: State| Expr::constant(unsigned(3), state as i64);
    let state = m.register("state_q", unsigned(3));
    m.keep_encoding(&state);
    let mut in_state = |name: &str, which: State| m.wire(name, state.value().is(which as i64));
    let receive = in_state("receive", State::Receive);
    let check = in_state("check", State::Check);
    let fetch = in_state("fetch", State::Fetch);
    let act = in_state("act", State::Act);
    let answer = in_state("answer", State::Answer);
    let next = in_state("next", State::Next);
    let send = in_state("send", State::Send);

    // A frame is words, a word four bytes, the low one first. One register takes them in and gives them out.
    let word = m.register("word_q", unsigned(32));
    let lane = m.register("lane_q", unsigned(2));
    let last_lane = m.wire("last_lane", lane.value().all());
    let crc_busy = m.forward("crc_busy", one);
    let idle_crc = m.wire("idle_crc", !crc_busy.value());

    // Receiving. The head is the first word; `left_q` counts the words between it and the CRC.
    let body = m.register("body_q", one);
    m.comment(&body.value(), "the head of the frame has come");
    let left = m.register("left_q", byte_type);
    let position = m.register("position_q", unsigned(7));
    let in_frame = m.wire("in_frame", body.value() | lane.value().any());
    let accept = m.wire("accept", &byte_valid & &receive & (&in_frame | byte.is(REQUEST.into())));
    let word_end = m.wire("word_end", &accept & &last_lane);
    let head_end = m.wire("head_end", &word_end & !body.value());
    let frame_end = m.wire("frame_end", &word_end & body.value() & !left.value().any());
    let silent = m.register("silent_q", unsigned(address_bits(silence)));
    let forget = m.wire("forget", silent.value().all());
    m.drive(&silent, (silent.value() + 1).gate(&(&receive & &in_frame & !&byte_valid)));
    m.drive_when(&body, &word_end | &forget, !(&frame_end | &forget));

    let bits = word.value();
    let sequence = m.reg_when("sequence_q", &head_end, bits.slice(16, 8));
    let operation = m.reg_when("operation_q", &head_end, bits.slice(24, 8));
    let length = m.reg_when("length_q", &head_end, &byte);

    let take = m.wire("take", &send & &idle_crc & &byte_ready);
    m.drive_when(&lane, &accept | &fetch | &take | &forget, (lane.value() + 1).gate(&!&forget));
    let place = cat(&[position.value(), lane.value()]);
    let kept = m.memory(
        "request",
        4 * MAX_WORDS as u32,
        ReadUnderWrite::Never,
        ReadPort { enable: fetch.clone(), address: place.clone() },
        WritePort { enable: &accept & body.value() & left.value().any(), address: place, data: byte.clone() },
    );
    let arriving = m.reg("arriving_q", &fetch);
    let fetched = m.wire("fetched", &fetch & &last_lane);

    let crc = m.instance(
        "crc32",
        &crc32,
        &[
            ("start_i", &(&answer | (&accept & !&in_frame))),
            ("valid_i", &(&accept | &take)),
            ("byte_i", &mux(&send, &bits.slice(0, 8), &byte)),
        ],
    );
    m.assign(&crc_busy, crc.get("busy_o"));

    // Judging. A request with the number of the one before is a repetition, whose reply was lost: it is answered again, and
    // what it wrote stands already.
    let judged = m.wire("judged", &check & &idle_crc);
    let intact = m.wire("intact", &judged & crc.get("right_o"));
    let is = |which: Operation| operation.is(which as i64);
    let opens = m.wire("opens", is(Operation::Open));
    let opened = m.register("opened_q", one);
    let previous = m.register("previous_q", byte_type);
    let repeated = m.wire("repeated", sequence.eq(&previous.value()));
    let follows = sequence.eq(&(previous.value() + 1));
    let in_step = m.wire("in_step", &opens | (opened.value() & (&repeated | follows)));
    m.drive(&opened, opened.value() | (&intact & &opens));
    m.drive_when(&previous, &intact & &in_step, &sequence);
    let fits = !(length.msb() & length.slice(0, 7).any());
    let is_write = m.wire("is_write", is(Operation::Write) & fits);
    let is_read = m.wire("is_read", is(Operation::Read) & length.is(1));
    let known = &opens | &is_write | &is_read;
    let status = |status: Status| Expr::constant(byte_type, status as i64);
    let verdict = mux(&known, &status(Status::Done), &status(Status::Malformed));
    let verdict = m.reg_when("status_q", &check, mux(&in_step, &verdict, &status(Status::OutOfStep)));
    let reads = m.reg_when("reads_q", &check, &is_read & &in_step);
    let runs = &in_step & (&is_read | (&is_write & length.any() & !&repeated));

    m.drive_when(
        &left,
        &word_end | &check | &fetched,
        mux(&head_end, &byte, &mux(&check, &length, &(left.value() - 1))),
    );
    m.drive_when(&position, &word_end | &check | &fetched, (position.value() + 1).gate(&!(&head_end | &check)));

    // Carrying out. A run has a head, its address and its length, and of a write its data.
    let address = m.register("address_q", unsigned(24));
    let run = m.register("run_q", byte_type);
    m.comment(&run.value(), "words of the run that are still to be written or read");
    // Whether there are any: the host port waits for it.
    let in_run = m.register("in_run_q", one);
    let whole = m.wire("whole", &act & !&arriving);
    let run_head = m.wire("run_head", &whole & !in_run.value());
    let writes = m.wire("writes", &whole & in_run.value());
    let reading = m.wire("reading", &reads & in_run.value());
    let asks = m.wire("asks", &next & &idle_crc & &reading);
    let host_valid = m.wire("host_valid", &writes | &asks);
    let done = m.wire("done", &host_valid & &host_ready);
    m.drive_when(&address, &run_head | &done, mux(&run_head, &bits.slice(0, 24), &(address.value() + 1)));
    let counted = m.wire("counted", mux(&run_head, &bits.slice(24, 8), &(run.value() - 1)).gate(&!&check));
    let counts = m.wire("counts", &check | &run_head | &done);
    m.drive_when(&in_run, &counts, counted.any());
    m.drive_when(&run, &counts, counted);
    let acted = m.wire("acted", &run_head | (&writes & &host_ready));
    let more = !&reads & left.value().any();

    // Answering: head, words that are read, CRC.
    let tail = m.register("tail_q", one);
    m.comment(&tail.value(), "the word that is sent is the CRC");
    m.drive_when(&tail, &answer | &next, &next & !&reading);
    let found = m.wire("found", &next & &idle_crc & (!&reading | &host_ready));
    let head = cat(&[run.value().gate(&reads), verdict, sequence, Expr::constant(byte_type, REPLY.into())]);
    let loaded = mux(&answer, &head, &mux(&reading, &host_data, &crc.get("crc_o")));
    let shifted = cat(&[mux(&arriving, &kept, &byte), bits.slice(8, 24)]);
    let loads = m.wire("loads", &answer | &found);
    m.drive_when(&word, &accept | &arriving | &take | &loads, mux(&loads, &loaded, &shifted));

    let to = |condition: &Expr, then: State, otherwise: &Expr| mux(condition, &constant(then), otherwise);
    let after_check = to(&runs, State::Fetch, &constant(State::Answer));
    let after_check = mux(&crc.get("right_o"), &after_check, &constant(State::Receive));
    let next_states = [
        to(&frame_end, State::Check, &constant(State::Receive)),
        mux(&judged, &after_check, &constant(State::Check)),
        to(&last_lane, State::Act, &constant(State::Fetch)),
        mux(&acted, &to(&more, State::Fetch, &constant(State::Answer)), &constant(State::Act)),
        constant(State::Send),
        to(&found, State::Send, &constant(State::Next)),
        mux(&(&take & &last_lane), &to(&tail.value(), State::Receive, &constant(State::Next)), &constant(State::Send)),
    ];
    m.drive(&state, select(&state.value(), &next_states));

    m.output("byte_valid_o", &send & &idle_crc);
    m.output("byte_o", bits.slice(0, 8));
    m.output("host_valid_o", host_valid);
    m.output("host_write_o", act);
    m.output("host_address_o", address.value());
    m.output("host_data_o", bits);
    m.finish()
}
