//! Libraries of functions as FUNCTION DUMP answers them: one code and one string for each, and behind them the version and the checksum of every dump.

use super::{FOOTER_BYTES, Lineage, Refused, VERSION, crc64, encode, file, source};

/// The codes of libraries, one after the other, as a dump.
pub(crate) fn dump_functions<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut payload = Vec::new();
    for code in codes {
        payload.push(file::FUNCTION);
        encode::string(code, encode::Pack::Compressed, &mut payload);
    }
    payload.extend_from_slice(&VERSION.to_le_bytes());
    payload.extend_from_slice(&crc64::update(0, &payload).to_le_bytes());
    payload
}

/// The codes in a dump.
pub(crate) fn restore_functions(payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let (body, footer) = payload.split_last_chunk::<FOOTER_BYTES>().ok_or(Refused::Envelope)?;
    let (version, checksum) = footer.split_first_chunk::<2>().ok_or(Refused::Envelope)?;
    Lineage::of(u16::from_le_bytes(*version)).ok_or(Refused::Envelope)?;
    if crc64::update(crc64::update(0, body), version).to_le_bytes() != checksum {
        return Err(Refused::Envelope);
    }
    let (mut codes, mut source) = (Vec::new(), source::Source::new(body));
    while !source.is_at_end() {
        match source.byte().map_err(Refused::Body)? {
            file::FUNCTION => codes.push(source.string().map_err(Refused::Body)?.into_owned()),
            _ => return Err(Refused::Body(source::Flaw::Broken("something else than a library"))),
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_read_as_it_was_written() {
        let codes: [&[u8]; 3] = [b"#!lua name=a\nredis.register_function(\"a1\",function() return 1 end)", b"", &[b'x'; 5000]];
        let dump = dump_functions(codes.into_iter());
        assert_eq!(restore_functions(&dump), Ok(codes.map(<[u8]>::to_vec).to_vec()));
        // What Redis 7.0.15 dumps for the first of them alone.
        let alone = dump_functions(codes[..1].iter().copied());
        assert_eq!((alone.len(), &alone[alone.len() - 10..]), (79, &b"\n\x00s\\\x9d\xcc/L\xc8\x0e"[..]));
        assert_eq!(dump_functions([].into_iter()), b"\n\x00]\x9b\\@\x0f\x7f\xa2\xda");
        for cut in 0..dump.len() {
            assert_eq!(restore_functions(&dump[..cut]), Err(Refused::Envelope));
        }
    }
}
