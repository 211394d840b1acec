//! LMOVE, RPOPLPUSH, LMOVEM: elements leave an end of one list and come in at an end of another, or of the same.

use crate::command::list::mpop::{end_of, positive};
use crate::command::list::{pop, push};
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::Value;
use crate::store::types::list::End;
use crate::store::types::{Element, List};

pub(super) fn lmove(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    move_one(cx, args.key(1), args.key(2), from, to, reply)
}

pub(super) fn rpoplpush(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    move_one(cx, args.key(1), args.key(2), End::Back, End::Front, reply)
}

pub(super) fn move_one(cx: &mut Cx<'_>, source: &[u8], target: &[u8], from: End, to: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    if cx.check_as::<List>(source)?.is_none() {
        reply.null();
        return Ok(());
    }
    // A fault comes before any change.
    cx.check_as::<List>(target)?;
    let Some(mut list) = cx.edit_as::<List>(source)? else { return Ok(()) };
    let mut bytes = Vec::new();
    let number = list.pop(from, thresholds, |element| match element {
        Element::Integer(number) => Some(number),
        Element::Bytes(element) => {
            bytes.extend_from_slice(element);
            None
        }
    });
    let element = number.flatten().map_or(Element::Bytes(&bytes), Element::Integer);
    if source == target {
        list.push_element(to, element, thresholds);
        drop(list);
    } else {
        drop(list);
        cx.create_as(target, List::new)?.push_element(to, element, thresholds);
    }
    answer::element(element, reply);
    push::tell(cx, target, to);
    pop::tell(cx, source, from);
    cx.drop_if_empty::<List>(source);
    cx.changed(1);
    Ok(())
}

/// How many elements LMOVEM moves, and in which order they come in.
#[derive(Clone, Copy)]
struct Move {
    count: usize,
    /// All of `count` or none.
    exactly: bool,
    /// One by one: each comes in before the next leaves, so that at the same end they come to lie in reverse. Otherwise they keep their order.
    singly: bool,
}

impl Move {
    fn parse(args: &Args<'_>) -> Result<Move, Fault> {
        let mut options = args.options(5);
        let Some(word) = options.next() else { return Ok(Move { count: 1, exactly: false, singly: false }) };
        let exactly = match () {
            () if word.eq_ignore_ascii_case(b"count") => false,
            () if word.eq_ignore_ascii_case(b"exactly") => true,
            () => return Err(Fault::Syntax),
        };
        let count = options.operand()?;
        let order = options.operand()?;
        let singly = match () {
            () if order.eq_ignore_ascii_case(b"obo") => true,
            () if order.eq_ignore_ascii_case(b"bulk") => false,
            () => return Err(Fault::Syntax),
        };
        if options.left() > 0 {
            return Err(Fault::Syntax);
        }
        Ok(Move { count: positive(count).ok_or(Fault::Because("ERR count should be greater than 0"))?, exactly, singly })
    }
}

pub(super) fn lmovem(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (source, target) = (args.key(1), args.key(2));
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    let wanted = Move::parse(args)?;
    let thresholds = cx.thresholds();
    let there = cx.check_as::<List>(source)?.map_or(0, List::len);
    if there == 0 || (wanted.exactly && there < wanted.count) {
        if wanted.exactly {
            reply.null_array();
        } else {
            reply.array(0);
        }
        return Ok(());
    }
    cx.check_as::<List>(target)?;

    // What moves, in the order in which it lay.
    let count = wanted.count.min(there);
    let Some(mut list) = cx.edit_as::<List>(source)? else { return Ok(()) };
    let mut moving = List::new();
    if count == there {
        moving = list.take();
    } else {
        let inner = if from == End::Front { End::Back } else { End::Front };
        for _ in 0..count {
            list.pop(from, thresholds, |element| moving.push_element(inner, element, thresholds));
        }
    }
    drop(list);

    let mut list = cx.create_as(target, List::new)?;
    let reversed = wanted.singly && from == to;
    reply.array(count);
    let (in_order, backwards) = (moving.iter(), moving.iter_back());
    let mut show = |element| answer::element(element, reply);
    let mut push = |element| list.push_element(to, element, thresholds);
    // At the front the last one comes in first.
    match (reversed, to) {
        (false, End::Back) => in_order.for_each(|element| {
            push(element);
            show(element);
        }),
        (true, End::Back) => backwards.for_each(|element| {
            push(element);
            show(element);
        }),
        (false, End::Front) => {
            backwards.for_each(push);
            in_order.for_each(show);
        }
        (true, End::Front) => {
            in_order.for_each(push);
            backwards.for_each(show);
        }
    }
    drop(list);
    push::tell(cx, target, to);
    pop::tell(cx, source, from);
    cx.drop_if_empty::<List>(source);
    cx.changed(count as u64);
    cx.effects.discard(Value::List(Box::new(moving)));
    Ok(())
}
