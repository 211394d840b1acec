//! Strings changed in place: APPEND, SETRANGE, and those whose bits or registers are changed.

use super::entry::Block;
use super::value::{BoxedMut, Content, INLINE_TEXT_MAX, Text, Value};

impl Block {
    /// Writes `patch` at `offset` of a string, filling what lies between its end and `offset` with zeros; an empty patch changes nothing.
    /// False if the value is no string.
    pub(super) fn splice(&mut self, offset: usize, patch: &[u8]) -> bool {
        match self.entry().text() {
            None => return false,
            Some(_) if patch.is_empty() => return true,
            Some(Text::Integer(number)) => {
                let mut scratch = [0; 20];
                self.put(Content::Text(Text::Integer(number).bytes(&mut scratch)));
            }
            Some(Text::Bytes(_)) => {}
        }
        let end = offset.saturating_add(patch.len());
        if let Some(BoxedMut::Text(text)) = self.held().boxed_mut() {
            if text.len() < end {
                extend(text, end);
            }
            text[offset..end].copy_from_slice(patch);
            return true;
        }
        if let Some(part) = self.held().inline_text_mut().and_then(|text| text.get_mut(offset..end)) {
            part.copy_from_slice(patch);
            return true;
        }
        let len = self.entry().text().map_or(0, Text::len);
        if end <= INLINE_TEXT_MAX {
            let kept = offset.min(len);
            self.rewrite_text(kept, offset - kept, patch);
        } else {
            let mut large = extended(self.held().inline_text_mut().unwrap_or_default(), end);
            large[offset..end].copy_from_slice(patch);
            self.put(Content::Boxed(Value::Text(large)));
        }
        true
    }

    /// Adds `more` at the end of a string. False if the value is no string.
    pub(super) fn append(&mut self, more: &[u8]) -> bool {
        match self.entry().text() {
            Some(text) if more.is_empty() => {
                // As in Redis, what was appended to is raw from then on, were it nothing that was appended.
                if let Text::Integer(number) = text {
                    let mut scratch = [0; 20];
                    self.put(Content::Text(Text::Integer(number).bytes(&mut scratch)));
                }
                let _ = self.held().inline_text_mut();
                true
            }
            Some(text) => self.splice(text.len(), more),
            None => false,
        }
    }

    /// Makes a string at least `len` bytes long, with zeros behind its end. False if the value is no string.
    pub(super) fn extend(&mut self, len: usize) -> bool {
        match self.entry().text() {
            None => return false,
            Some(Text::Integer(number)) => {
                let mut scratch = [0; 20];
                self.put(Content::Text(Text::Integer(number).bytes(&mut scratch)));
            }
            Some(Text::Bytes(_)) => {}
        }
        let before = self.entry().text().map_or(0, Text::len);
        if len <= before {
            return true;
        }
        if let Some(BoxedMut::Text(text)) = self.held().boxed_mut() {
            extend(text, len);
        } else if len <= INLINE_TEXT_MAX {
            self.rewrite_text(before, len - before, &[]);
        } else {
            let large = extended(self.held().inline_text_mut().unwrap_or_default(), len);
            self.put(Content::Boxed(Value::Text(large)));
        }
        true
    }
}

/// Fills a text up with zeros. One that grows a lot is made anew: memory fresh from the system is zeros already, and half a gigabyte of them
/// takes a tenth of a second to write.
fn extend(text: &mut Vec<u8>, len: usize) {
    if len / 2 > text.capacity() {
        *text = extended(text, len);
    } else {
        text.resize(len, 0);
    }
}

fn extended(text: &[u8], len: usize) -> Vec<u8> {
    let mut large = vec![0; len];
    large[..text.len()].copy_from_slice(text);
    large
}
