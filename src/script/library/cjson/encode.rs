//! Values written as JSON.

use mlua::{Function, Table, Value};

use super::{Invalid, Settings};
use crate::script::library::{LENGTH_MAX, SLOTS_MAX, number, too_long, type_name};
use crate::script::raise::Raised;

/// A table that is being written, and where in it we are.
enum Open {
    Array { table: Table, length: usize, done: usize },
    Object { table: Table, key: Value, is_first: bool },
}

impl Open {
    /// How many values lie on Redis's stack for it while what it holds is written.
    fn slots(&self) -> usize {
        if matches!(self, Open::Array { .. }) { 1 } else { 2 }
    }
}

/// Writes a value; `next` is Lua's function of that name, which walks a table in the order that `pairs` does.
pub(super) fn write(value: Value, next: &Function, settings: &Settings) -> Result<Vec<u8>, Raised> {
    let mut out = Vec::new();
    let mut path: Vec<Open> = Vec::new();
    // One for the argument.
    let mut slots = 1;
    let mut current = Some(value);
    loop {
        if let Some(value) = current.take() {
            match value {
                Value::Table(table) => {
                    let depth = path.len() + 1;
                    let is_too_deep = usize::try_from(settings.encode_depth_max).is_ok_and(|max| depth > max);
                    if is_too_deep || slots + 3 > SLOTS_MAX {
                        return Err(format!("Cannot serialise, excessive nesting ({depth})").into());
                    }
                    let open = match length_of_array(&table, next, settings)? {
                        Some(length) => {
                            out.push(b'[');
                            Open::Array { table, length, done: 0 }
                        }
                        None => {
                            out.push(b'{');
                            Open::Object { table, key: Value::Nil, is_first: true }
                        }
                    };
                    slots += open.slots();
                    path.push(open);
                }
                value => write_plain(&value, settings, &mut out)?,
            }
            if out.len() > LENGTH_MAX {
                return Err(too_long());
            }
        }
        let Some(open) = path.last_mut() else { return Ok(out) };
        match open {
            Open::Array { table, length, done } if *done < *length => {
                if *done > 0 {
                    out.push(b',');
                }
                *done += 1;
                current = Some(table.raw_get(*done)?);
                continue;
            }
            Open::Array { .. } => out.push(b']'),
            Open::Object { table, key, is_first } => {
                let (found, value): (Value, Value) = next.call((&*table, &*key))?;
                if !found.is_nil() {
                    if !std::mem::take(is_first) {
                        out.push(b',');
                    }
                    write_key(&found, settings, &mut out)?;
                    *key = found;
                    current = Some(value);
                    continue;
                }
                out.push(b'}');
            }
        }
        slots -= open.slots();
        path.pop();
    }
}

/// How long a table is as an array; nothing if it is to be an object: it is empty, has other keys than integers from one on, or is too sparse.
fn length_of_array(table: &Table, next: &Function, settings: &Settings) -> Result<Option<usize>, Raised> {
    let (mut count, mut largest, mut key) = (0_i64, 0_i64, Value::Nil);
    loop {
        key = next.call::<Value>((table, &key))?;
        match key {
            Value::Nil => break,
            Value::Integer(index) if (1..=i64::from(i32::MAX)).contains(&index) => {
                count += 1;
                largest = largest.max(index);
            }
            _ => return Ok(None),
        }
    }
    let (ratio, safe) = (i64::from(settings.sparse_ratio), i64::from(settings.sparse_safe));
    if ratio > 0 && largest > count * ratio && largest > safe {
        return if settings.sparse_converts { Ok(None) } else { Err("Cannot serialise table: excessively sparse array".into()) };
    }
    Ok(usize::try_from(largest).ok().filter(|length| *length > 0))
}

fn write_plain(value: &Value, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Raised> {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::LightUserData(data) if data.0.is_null() => out.extend_from_slice(b"null"),
        Value::Boolean(is_true) => out.extend_from_slice(if *is_true { b"true" } else { b"false" }),
        Value::String(text) => write_text(&text.as_bytes(), out),
        Value::Integer(_) | Value::Number(_) => return write_number(value, settings, out),
        other => return Err(format!("Cannot serialise {}: type not supported", type_name(other)).into()),
    }
    Ok(())
}

fn write_key(key: &Value, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Raised> {
    match key {
        Value::String(text) => write_text(&text.as_bytes(), out),
        Value::Integer(_) | Value::Number(_) => {
            out.push(b'"');
            write_number(key, settings, out)?;
            out.push(b'"');
        }
        other => return Err(format!("Cannot serialise {}: table key must be a number or string", type_name(other)).into()),
    }
    out.push(b':');
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn write_number(value: &Value, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Raised> {
    let number = match value {
        Value::Integer(integer) => *integer as f64,
        value => value.as_number().unwrap_or(f64::NAN),
    };
    match settings.encode_invalid {
        Invalid::Refuse if !number.is_finite() => return Err("Cannot serialise number: must not be NaN or Inf".into()),
        Invalid::Null if !number.is_finite() => out.extend_from_slice(b"null"),
        _ => number::print(number, usize::try_from(settings.digits).unwrap_or(14), out),
    }
    Ok(())
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut plain = 0;
    for (place, byte) in text.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' | b'/' => *byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            0..=31 | 127 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text[plain..place]);
        plain = place + 1;
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            out.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}
