//! An entry: one thin block of memory that holds a key, its deadline if it has one, and its value or the way to it.
//! The drawing of it is in `layout`.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use super::expiry::Due;
use super::layout::*;
use super::memory::size_class;
use super::types::{Hash, List, Set, SortedSet, Stream};
use super::value::{Boxed, BoxedMut, Content, Kind, Text, Typed, Value};
use crate::time::UnixMillis;

/// OBJECT ENCODING calls a text up to here "embstr".
const EMBEDDED_TEXT_MAX: usize = 44;
/// The bits of `access` that the store keeps for those above.
const ACCESS_MASK: u32 = (1 << 24) - 1;

#[repr(C, align(8))]
pub(super) struct Header {
    shape: u8,
    key_len: u8,
    text_len: u16,
    /// Atomic so that a reader of the entry may leave a trace; nothing here is shared between threads.
    access: AtomicU32,
}

const _: () = assert!(size_of::<Header>() == HEADER && size_of::<usize>() == 8, "the layout is that of 64-bit machines");
const ALIGN: usize = align_of::<Header>();

/// Everything in a block may be moved to another thread: no `Rc`, no cell, no borrow.
const fn assert_send<T: Send>() {}
const _: () = assert_send::<Value>();

/// Where the word of a block is, or the place one past its deadline if it has none.
///
/// # Safety
/// `head` is a whole block of that shape.
#[inline]
unsafe fn word_of(head: NonNull<Header>, shape: u8) -> NonNull<()> {
    // SAFETY: header and deadline belong to the block, so what follows them is in the block or its end.
    unsafe { head.byte_add(word_at(shape)).cast() }
}

/// What a text becomes: the first bytes of what it was, then zeros, then new bytes.
#[derive(Clone, Copy)]
struct Tail<'t> {
    kept: usize,
    zeros: usize,
    added: &'t [u8],
}

impl Tail<'_> {
    const NONE: Tail<'static> = Tail { kept: 0, zeros: 0, added: &[] };

    fn len(&self) -> usize {
        self.kept + self.zeros + self.added.len()
    }
}

/// An entry, borrowed from the table that owns it.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// A whole block as `Block::new` and `Block::reshape` leave it, which nobody changes or frees during 'a.
    head: NonNull<Header>,
    life: PhantomData<&'a Block>,
}

impl<'a> Entry<'a> {
    /// # Safety
    /// `head` came from `Block::into_raw`, and that block is neither changed nor freed during 'a.
    #[inline]
    pub(super) unsafe fn from_raw(head: NonNull<Header>) -> Entry<'a> {
        Entry { head, life: PhantomData }
    }

    #[inline]
    fn header(self) -> &'a Header {
        // SAFETY: head is aligned and its header was written when the block was made; only atomics change under a shared borrow.
        unsafe { self.head.as_ref() }
    }

    #[inline]
    fn encoded_as(self) -> u8 {
        self.header().shape & ENCODING
    }

    /// Where the key begins, and its length.
    #[inline]
    fn key_place(self) -> (usize, usize) {
        let header = self.header();
        let at = tail_at(header.shape);
        if header.key_len != LONG_KEY {
            return (at, usize::from(header.key_len));
        }
        // SAFETY: a block whose key_len is LONG_KEY has a u32 at the beginning of its tail, written when it was made.
        let long = unsafe { self.head.byte_add(at).cast::<u32>().read_unaligned() };
        (at + 4, long as usize)
    }

    #[inline]
    fn bytes(self, at: usize, len: usize) -> &'a [u8] {
        debug_assert!(at + len <= self.block_size());
        // SAFETY: called with the places of the key and of the text only, which are initialised bytes of this block.
        unsafe { slice::from_raw_parts(self.head.byte_add(at).cast::<u8>().as_ptr(), len) }
    }

    #[inline]
    #[must_use]
    pub fn key(self) -> &'a [u8] {
        let (at, len) = self.key_place();
        self.bytes(at, len)
    }

    /// Whether this is the entry of `key`: lengths first, which the header's line already has.
    #[inline]
    pub(super) fn has_key(self, key: &[u8]) -> bool {
        if usize::from(self.header().key_len) != key.len().min(usize::from(LONG_KEY)) {
            return false;
        }
        self.key() == key
    }

    #[must_use]
    pub fn kind(self) -> Kind {
        match self.encoded_as() {
            TEXT | INTEGER | LARGE_TEXT => Kind::String,
            LIST => Kind::List,
            SET => Kind::Set,
            SORTED_SET => Kind::SortedSet,
            HASH => Kind::Hash,
            _ => Kind::Stream,
        }
    }

    #[inline]
    #[must_use]
    pub fn deadline(self) -> Option<UnixMillis> {
        if self.header().shape & DEADLINE == 0 {
            return None;
        }
        // SAFETY: a block with the bit DEADLINE has a u64 after its header, aligned to 8 as the block is.
        Some(UnixMillis(unsafe { self.head.byte_add(HEADER).cast::<u64>().read() }))
    }

    /// Whether its time is over, or that of all its members. As in Redis the deadline's own millisecond still belongs to the key.
    #[inline]
    #[must_use]
    pub fn is_due(self, now: UnixMillis) -> bool {
        self.deadline().is_some_and(|deadline| now > deadline) || self.boxed().is_some_and(|boxed| boxed.are_all_due(now))
    }

    /// What of it is due, if something is.
    #[must_use]
    pub fn due(self, now: UnixMillis) -> Option<Due> {
        if self.deadline().is_some_and(|deadline| now > deadline) {
            Some(Due::Key)
        } else if self.is_due(now) {
            Some(Due::AllMembers(self.kind()))
        } else {
            self.member_deadline().filter(|&earliest| now > earliest).map(|_| Due::Members(self.kind()))
        }
    }

    /// The earliest deadline of any of its members.
    #[inline]
    #[must_use]
    pub fn member_deadline(self) -> Option<UnixMillis> {
        self.boxed()?.next_deadline()
    }

    #[inline]
    fn integer(self) -> i64 {
        debug_assert_eq!(self.encoded_as(), INTEGER);
        // SAFETY: the encoding INTEGER means that the word is an initialised i64, aligned to 8 as the block is.
        unsafe { word_of(self.head, self.header().shape).cast::<i64>().read() }
    }

    #[inline]
    fn inline_text(self) -> &'a [u8] {
        debug_assert_eq!(self.encoded_as(), TEXT);
        let (at, len) = self.key_place();
        self.bytes(at + len, usize::from(self.header().text_len))
    }

    /// The value, if it is a long text or a collection.
    #[inline]
    fn boxed(self) -> Option<Boxed<'a>> {
        let shape = self.header().shape;
        // SAFETY: the block is whole and of that shape; the encoding says of which type the collection is that `write_value` put where the word is,
        // aligned, or what it got there of Box::into_raw. The block owns either and keeps it unchanged during 'a.
        unsafe {
            let word = word_of(self.head, shape);
            Some(match shape & ENCODING {
                LARGE_TEXT => Boxed::Text(&*word.cast::<*const Vec<u8>>().read()),
                LIST => Boxed::List(word.cast().as_ref()),
                SET => Boxed::Set(word.cast().as_ref()),
                SORTED_SET => Boxed::SortedSet(&*word.cast::<*const SortedSet>().read()),
                HASH => Boxed::Hash(word.cast().as_ref()),
                STREAM => Boxed::Stream(&*word.cast::<*const Stream>().read()),
                _ => return None,
            })
        }
    }

    /// The value of a string.
    #[inline]
    #[must_use]
    pub fn text(self) -> Option<Text<'a>> {
        match self.encoded_as() {
            TEXT => Some(Text::Bytes(self.inline_text())),
            INTEGER => Some(Text::Integer(self.integer())),
            _ => match self.boxed() {
                Some(Boxed::Text(text)) => Some(Text::Bytes(text)),
                _ => None,
            },
        }
    }

    /// The collection, if it is of this type.
    #[inline]
    #[must_use]
    pub fn get<T: Typed>(self) -> Option<&'a T> {
        self.boxed()?.get()
    }

    /// What OBJECT ENCODING answers.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        let header = self.header();
        match self.boxed() {
            Some(boxed) => boxed.encoding(),
            None if header.shape & ENCODING == INTEGER => "int",
            None if header.shape & RAW == 0 && usize::from(header.text_len) <= EMBEDDED_TEXT_MAX => "embstr",
            None => "raw",
        }
    }

    /// A deep copy of the value.
    #[must_use]
    pub fn duplicate(self) -> Value {
        match self.boxed() {
            Some(boxed) => boxed.duplicate(),
            None if self.encoded_as() == INTEGER => Value::Integer(self.integer()),
            None => Value::Text(self.inline_text().to_vec()),
        }
    }

    /// Twenty-four bits that mean something to those who evict.
    #[inline]
    #[must_use]
    pub fn access(self) -> u32 {
        self.header().access.load(Ordering::Relaxed)
    }

    /// Leaves a trace of a read. The bits above the lowest 24 are dropped.
    #[inline]
    pub fn touch(self, access: u32) {
        self.header().access.store(access & ACCESS_MASK, Ordering::Relaxed);
    }

    /// Bytes of the block that are in use.
    #[inline]
    fn block_size(self) -> usize {
        let header = self.header();
        let (at, len) = self.key_place();
        at + len + if header.shape & ENCODING == TEXT { usize::from(header.text_len) } else { 0 }
    }

    /// Bytes allocated for this entry: its block and all that its value owns, but not its slot in the table.
    #[must_use]
    pub fn heap_bytes(self) -> usize {
        size_class(self.block_size()).saturating_add(self.boxed().map_or(0, Boxed::heap_bytes))
    }
}

/// An entry that the holder may change without moving its block.
pub(super) struct Held<'a> {
    /// As in [`Entry`], and nobody else reads it during 'a.
    head: NonNull<Header>,
    life: PhantomData<&'a mut Block>,
}

impl<'a> Held<'a> {
    /// # Safety
    /// `head` came from `Block::into_raw`, and nobody else uses that block during 'a.
    #[inline]
    pub(super) unsafe fn from_raw(head: NonNull<Header>) -> Held<'a> {
        Held { head, life: PhantomData }
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        // SAFETY: the block is ours during 'a, and the borrow of self keeps it unchanged meanwhile.
        unsafe { Entry::from_raw(self.head) }
    }

    #[inline]
    pub(super) fn integer_mut(self) -> Option<&'a mut i64> {
        let shape = self.entry().header().shape;
        if shape & ENCODING != INTEGER {
            return None;
        }
        // SAFETY: the word is an initialised and aligned i64, and the block is ours alone during 'a.
        Some(unsafe { word_of(self.head, shape).cast::<i64>().as_mut() })
    }

    pub(super) fn boxed_mut(self) -> Option<BoxedMut<'a>> {
        let shape = self.entry().header().shape;
        // SAFETY: as in `Entry::boxed`, and the block with what it owns is ours alone during 'a.
        unsafe {
            let word = word_of(self.head, shape);
            Some(match shape & ENCODING {
                LARGE_TEXT => BoxedMut::Text(&mut *word.cast::<*mut Vec<u8>>().read()),
                LIST => BoxedMut::List(word.cast().as_mut()),
                SET => BoxedMut::Set(word.cast().as_mut()),
                SORTED_SET => BoxedMut::SortedSet(&mut *word.cast::<*mut SortedSet>().read()),
                HASH => BoxedMut::Hash(word.cast().as_mut()),
                STREAM => BoxedMut::Stream(&mut *word.cast::<*mut Stream>().read()),
                _ => return None,
            })
        }
    }

    /// The text, if it lies in the entry. Who changes it has it called raw.
    pub(super) fn inline_text_mut(mut self) -> Option<&'a mut [u8]> {
        let header = self.entry().header();
        let (shape, len) = (header.shape, usize::from(header.text_len));
        if shape & ENCODING != TEXT {
            return None;
        }
        let (key_at, key_len) = self.entry().key_place();
        // SAFETY: text_len initialised bytes follow the key of such a block, which is ours alone during 'a; the header is no part of them.
        unsafe {
            self.head.as_mut().shape = shape | RAW;
            Some(slice::from_raw_parts_mut(self.head.byte_add(key_at + key_len).cast::<u8>().as_ptr(), len))
        }
    }

    /// The bytes of a text, wherever they lie. A number has none.
    pub(super) fn text_mut(self) -> Option<&'a mut [u8]> {
        if self.entry().encoded_as() != LARGE_TEXT {
            return self.inline_text_mut();
        }
        match self.boxed_mut() {
            Some(BoxedMut::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn value_mut<T: Typed>(self) -> Option<&'a mut T> {
        self.boxed_mut()?.get()
    }

    /// Replaces a string by another of the same encoding and size class, which is what most overwrites are. False: nothing was done.
    #[inline]
    pub(super) fn overwrite(self, content: &Content<'_>) -> bool {
        match *content {
            Content::Integer(number) => match self.integer_mut() {
                Some(old) => {
                    *old = number;
                    true
                }
                None => false,
            },
            Content::Text(text) => self.overwrite_text(text),
            Content::Boxed(_) => false,
        }
    }

    #[inline]
    fn overwrite_text(mut self, text: &[u8]) -> bool {
        let entry = self.entry();
        let header = entry.header();
        if header.shape & ENCODING != TEXT {
            return false;
        }
        let (key_at, key_len) = entry.key_place();
        let (old_len, at) = (usize::from(header.text_len), key_at + key_len);
        let Ok(text_len) = u16::try_from(text.len()) else { return false };
        if size_class(at + old_len) != size_class(at + text.len()) {
            return false;
        }
        // SAFETY: the block is ours alone and as long as its size class, so it has text.len() bytes from `at`; `text` is borrowed
        // from elsewhere, since nothing else may refer to the block.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), self.head.byte_add(at).cast::<u8>().as_ptr(), text.len());
            let header = self.head.as_mut();
            header.text_len = text_len;
            header.shape &= !RAW;
        }
        true
    }
}

/// An entry's block, owned.
pub(super) struct Block {
    /// Allocated by `allocate` with the size class of `Entry::block_size`; whole at every moment that `self` can be seen.
    head: NonNull<Header>,
}

/// The encoding of a content, as in a shape.
fn encoding_of(content: &Content<'_>) -> u8 {
    match content {
        Content::Text(_) => TEXT,
        Content::Integer(_) | Content::Boxed(Value::Integer(_)) => INTEGER,
        Content::Boxed(Value::Text(_)) => LARGE_TEXT,
        Content::Boxed(Value::List(_)) => LIST,
        Content::Boxed(Value::Set(_)) => SET,
        Content::Boxed(Value::SortedSet(_)) => SORTED_SET,
        Content::Boxed(Value::Hash(_)) => HASH,
        Content::Boxed(Value::Stream(_)) => STREAM,
    }
}

/// Makes the word of a block be a value; what was there is forgotten.
///
/// # Safety
/// `head` is a block of that shape, ours alone, and the shape is of the value's encoding.
unsafe fn write_value(head: NonNull<Header>, shape: u8, value: Value) {
    // SAFETY: the word has room for what its encoding says, and is aligned to 8, which is enough for all of it.
    unsafe {
        let word = word_of(head, shape);
        match value {
            Value::Integer(number) => word.cast::<i64>().write(number),
            Value::Text(text) => word.cast().write(Box::into_raw(Box::new(text))),
            Value::List(list) => word.cast().write(*list),
            Value::Set(set) => word.cast().write(*set),
            Value::SortedSet(set) => word.cast().write(Box::into_raw(set)),
            Value::Hash(hash) => word.cast().write(*hash),
            Value::Stream(stream) => word.cast().write(Box::into_raw(stream)),
        }
    }
}

/// # Safety
/// `size` is a size class of at least the header.
unsafe fn allocate(size: usize) -> NonNull<Header> {
    let layout = Layout::from_size_align(size, ALIGN).expect("keys and inline texts are far below isize::MAX");
    // SAFETY: the layout is not empty.
    match NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) {
        Some(head) => head,
        None => handle_alloc_error(layout),
    }
}

impl Block {
    /// # Panics
    /// If the key is longer than 4 GiB, which no protocol limit allows.
    pub(super) fn new(key: &[u8], content: Content<'_>, deadline: Option<UnixMillis>, access: u32) -> Block {
        let key_long = u32::try_from(key.len()).expect("the protocol's limit of a word is 512 MiB");
        let key_len = u8::try_from(key.len()).unwrap_or(LONG_KEY);
        let deadline_bit = if deadline.is_some() { DEADLINE } else { 0 };
        let shape = encoding_of(&content) | deadline_bit;
        let text = if let Content::Text(text) = &content { *text } else { &[][..] };
        let text_len = u16::try_from(text.len()).expect("an inline text is at most INLINE_TEXT_MAX");
        let mut at = tail_at(shape);
        let size = size_class(at + key_room(key.len()) + text.len());
        // SAFETY: the size is a class that has room for header, deadline, word, key and text, which are written here, each in its
        // place as the drawing above has it, the first three aligned; key and text lie elsewhere, the block being new.
        unsafe {
            let head = allocate(size);
            head.write(Header { shape, key_len, text_len, access: AtomicU32::new(access & ACCESS_MASK) });
            if let Some(deadline) = deadline {
                head.byte_add(HEADER).cast::<u64>().write(deadline.0);
            }
            match content {
                Content::Text(_) => {}
                Content::Integer(number) => write_value(head, shape, Value::Integer(number)),
                Content::Boxed(value) => write_value(head, shape, value),
            }
            if key_len == LONG_KEY {
                head.byte_add(at).cast::<u32>().write_unaligned(key_long);
                at += 4;
            }
            ptr::copy_nonoverlapping(key.as_ptr(), head.byte_add(at).cast::<u8>().as_ptr(), key.len());
            ptr::copy_nonoverlapping(text.as_ptr(), head.byte_add(at + key.len()).cast::<u8>().as_ptr(), text.len());
            Block { head }
        }
    }

    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).head
    }

    /// # Safety
    /// `head` came from `into_raw`, and this is its only owner from now on.
    #[inline]
    pub(super) unsafe fn from_raw(head: NonNull<Header>) -> Block {
        Block { head }
    }

    #[inline]
    pub(super) fn entry(&self) -> Entry<'_> {
        // SAFETY: the block is whole, and the borrow of self keeps it so.
        unsafe { Entry::from_raw(self.head) }
    }

    #[inline]
    pub(super) fn held(&mut self) -> Held<'_> {
        // SAFETY: the mutable borrow of self makes this the only user.
        unsafe { Held::from_raw(self.head) }
    }

    fn shape(&self) -> u8 {
        self.entry().header().shape
    }

    /// Changes an inline text from `kept` on: as many zeros, then these bytes, then nothing. The text is raw from now on.
    pub(super) fn rewrite_text(&mut self, kept: usize, zeros: usize, added: &[u8]) {
        let shape = self.shape();
        assert!(shape & ENCODING == TEXT, "only an inline text is rewritten");
        self.reshape(shape | RAW, Tail { kept, zeros, added });
    }

    /// Gives the block another shape and text, moving it if its size class changes. The word stays what it is if the encoding does; otherwise
    /// what it owned must have been taken before, and the caller writes the new one at once.
    fn reshape(&mut self, shape: u8, text: Tail<'_>) {
        let entry = self.entry();
        let header = entry.header();
        let old = header.shape;
        let old_text = if old & ENCODING == TEXT { usize::from(header.text_len) } else { 0 };
        let (key_len, key_short, access) = (entry.key_place().1, header.key_len, entry.access());
        assert!(text.kept <= old_text, "only what is there can be kept");
        debug_assert!(shape & ENCODING == TEXT || text.len() == 0);
        let text_len = u16::try_from(text.len()).expect("an inline text is at most INLINE_TEXT_MAX");
        let (from, to, moved) = (tail_at(old), tail_at(shape), key_room(key_len) + text.kept);
        let old_size = size_class(from + key_room(key_len) + old_text);
        let new_size = size_class(to + key_room(key_len) + text.len());
        let deadline = entry.deadline().unwrap_or_default();
        // SAFETY: both sizes are the classes of what the block holds before and after, so every place written lies within the new block
        // and every place read was written before. A word is copied as what may be pointers and may be nothing, which keeps both as they
        // are; it is moved, so that it has one owner. Deadline and word are read before the tail, which may overlap them, is moved. Header,
        // deadline and word are aligned as the block is. Nothing else refers to the block, `text.added` therefore lies elsewhere.
        unsafe {
            let word_words = if old & ENCODING == shape & ENCODING { word_len(old) / 8 } else { 0 };
            let mut word = [MaybeUninit::<*mut ()>::uninit(); WORD_MAX];
            ptr::copy_nonoverlapping(word_of(self.head, old).cast().as_ptr(), word.as_mut_ptr(), word_words);
            let source = self.head.byte_add(from).cast::<u8>().as_ptr();
            if old_size == new_size {
                ptr::copy(source, self.head.byte_add(to).cast::<u8>().as_ptr(), moved);
            } else {
                let head = allocate(new_size);
                ptr::copy_nonoverlapping(source, head.byte_add(to).cast::<u8>().as_ptr(), moved);
                dealloc(self.head.cast::<u8>().as_ptr(), Layout::from_size_align_unchecked(old_size, ALIGN));
                self.head = head;
            }
            self.head.write(Header { shape, key_len: key_short, text_len, access: AtomicU32::new(access) });
            if shape & DEADLINE != 0 {
                self.head.byte_add(HEADER).cast::<u64>().write(deadline.0);
            }
            ptr::copy_nonoverlapping(word.as_ptr(), word_of(self.head, shape).cast().as_ptr(), word_words);
            let zeros = self.head.byte_add(to + moved).cast::<u8>();
            zeros.write_bytes(0, text.zeros);
            ptr::copy_nonoverlapping(text.added.as_ptr(), zeros.add(text.zeros).as_ptr(), text.added.len());
        }
    }

    /// Takes a long text or a collection out; an empty one takes its place, which owns nothing.
    fn disown(&mut self) -> Option<Value> {
        Some(match self.held().boxed_mut()? {
            BoxedMut::Text(text) => Value::Text(mem::take(text)),
            BoxedMut::List(list) => Value::List(Box::new(mem::take(list))),
            BoxedMut::Set(set) => Value::Set(Box::new(mem::take(set))),
            BoxedMut::SortedSet(set) => Value::SortedSet(Box::new(mem::take(set))),
            BoxedMut::Hash(hash) => Value::Hash(Box::new(mem::take(hash))),
            BoxedMut::Stream(stream) => Value::Stream(Box::new(mem::take(stream))),
        })
    }

    /// Drops what the word owns. The block must not be used again, unless its word is written at once.
    ///
    /// # Safety
    /// Called once for a word.
    unsafe fn drop_word(&mut self) {
        let shape = self.shape();
        // SAFETY: the encoding says what `write_value` put there; the caller sees to it that nobody looks at it again.
        unsafe {
            let word = word_of(self.head, shape);
            match shape & ENCODING {
                LARGE_TEXT => drop(Box::from_raw(word.cast::<*mut Vec<u8>>().read())),
                LIST => word.cast::<List>().drop_in_place(),
                SET => word.cast::<Set>().drop_in_place(),
                SORTED_SET => drop(Box::from_raw(word.cast::<*mut SortedSet>().read())),
                HASH => word.cast::<Hash>().drop_in_place(),
                STREAM => drop(Box::from_raw(word.cast::<*mut Stream>().read())),
                _ => {}
            }
        }
    }

    /// Takes the value out, for a block that is about to be freed.
    pub(super) fn take(&mut self) -> Value {
        match self.disown() {
            Some(value) => value,
            None => self.entry().duplicate(),
        }
    }

    /// Replaces the value. The old one is returned if it had a box of its own.
    pub(super) fn put(&mut self, content: Content<'_>) -> Option<Value> {
        let old = self.disown();
        let shape = self.shape() & DEADLINE | encoding_of(&content);
        // SAFETY: what is left in the word is dropped once; the reshaped block has the shape of the new value, and its word is written before
        // anybody else can look: nothing in between unwinds.
        unsafe {
            self.drop_word();
            match content {
                Content::Text(text) => self.reshape(shape, Tail { added: text, ..Tail::NONE }),
                Content::Integer(number) => {
                    self.reshape(shape, Tail::NONE);
                    write_value(self.head, shape, Value::Integer(number));
                }
                Content::Boxed(value) => {
                    self.reshape(shape, Tail::NONE);
                    write_value(self.head, shape, value);
                }
            }
        }
        old
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<UnixMillis>) {
        let shape = self.shape();
        let wanted = if deadline.is_some() { shape | DEADLINE } else { shape & !DEADLINE };
        if wanted != shape {
            let kept = if shape & ENCODING == TEXT { self.entry().inline_text().len() } else { 0 };
            self.reshape(wanted, Tail { kept, ..Tail::NONE });
        }
        if let Some(deadline) = deadline {
            // SAFETY: the shape has the bit DEADLINE now, so the u64 after the header is there; head is ours alone.
            unsafe { self.head.byte_add(HEADER).cast::<u64>().write(deadline.0) };
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let size = size_class(self.entry().block_size());
        // SAFETY: this is the end of the word and of the block, which was allocated with the size class of what it holds.
        unsafe {
            self.drop_word();
            dealloc(self.head.cast::<u8>().as_ptr(), Layout::from_size_align_unchecked(size, ALIGN));
        }
    }
}
