//! Shows of a script, where it can, that it looks at no key but those it was given: so it needs the shards of these keys and no others.
//!
//! The text is read once, as Lua's grammar has it. Of every expression it is known whether it is `KEYS`, an element of it, `redis`, one of its
//! two functions that call, a constant, or something else. Proven is a script in which
//!
//! - every call goes through `redis.call` or `redis.pcall` by these names, or by a local that holds nothing else,
//! - with a constant for its command's name, whose keys stand where the table of commands says, and each of which is `KEYS[...]`, or a local that holds
//!   nothing else,
//! - `KEYS` and `redis` are never given away, since others might change the one and call by the other,
//! - and nothing compiles text that is not here.
//!
//! It is a proof for the sake of speed only: a call that looks elsewhere all the same is refused when it is made.

use super::caller::{Callee, Caller};
use super::token::{Token, tokens};
use crate::command::{Find, Row, Spread};

/// How deep expressions and blocks may be nested to be read: Lua's own limit for C levels.
const DEPTH_MAX: usize = 190;

/// Whether the script needs its keys only.
pub(super) fn is_proven(body: &[u8], caller: &dyn Caller) -> bool {
    let Some(tokens) = tokens(body) else { return false };
    let mut reader = Reader { tokens: &tokens, at: 0, scope: Vec::new(), depth: 0, caller };
    reader.block().is_some() && reader.peek() == Token::End
}

/// What is known of the value of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape<'a> {
    /// `KEYS`.
    Keys,
    /// An element of it.
    Key,
    /// `unpack(KEYS)`.
    AllKeys,
    /// `ipairs(KEYS)` or `pairs(KEYS)`.
    EachKey,
    /// `redis`.
    Redis,
    /// `redis.call` or `redis.pcall`.
    Calls,
    Text(&'a [u8]),
    Number(&'a str),
    /// A global function that does its argument no harm.
    Harmless(&'a str),
    /// Any number of values.
    Many,
    Other,
}

struct Reader<'a, 'c> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Locals in sight, innermost last.
    scope: Vec<(&'a str, Shape<'a>)>,
    depth: usize,
    caller: &'c dyn Caller,
}

/// With these anything could be done.
const DANGEROUS: [&str; 7] = ["_G", "load", "loadstring", "rawset", "setmetatable", "getmetatable", "newproxy"];

impl<'a> Reader<'a, '_> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Option<()> {
        self.take(sign).then_some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        match self.next() {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let result = if self.depth > DEPTH_MAX { None } else { read(self) };
        self.depth -= 1;
        result
    }

    // Statements --------------------------------------------------------------------------------------------------------------

    /// A block, up to the word that ends it. Its locals are out of sight behind it.
    fn block(&mut self) -> Option<()> {
        self.deeper(|reader| {
            let outer = reader.scope.len();
            reader.statements()?;
            reader.scope.truncate(outer);
            Some(())
        })
    }

    fn statements(&mut self) -> Option<()> {
        loop {
            if self.take(";") {
                continue;
            }
            match self.peek() {
                Token::End | Token::Sign("end" | "else" | "elseif" | "until") => return Some(()),
                Token::Sign("return") => {
                    self.at += 1;
                    if !matches!(self.peek(), Token::End | Token::Sign("end" | "else" | "elseif" | "until" | ";")) {
                        self.plain_values()?;
                    }
                }
                Token::Sign("break") => self.at += 1,
                Token::Sign("if") => self.condition()?,
                Token::Sign("while") => {
                    self.at += 1;
                    self.plain_value()?;
                    self.body("do")?;
                }
                Token::Sign("do") => self.body("do")?,
                Token::Sign("repeat") => self.repeat()?,
                Token::Sign("for") => self.loop_over()?,
                Token::Sign("function") => {
                    self.at += 1;
                    // A global cannot be made, so that the name is that of a local or of a field.
                    let name = self.name()?;
                    self.forbid_change(name)?;
                    while self.take(".") || self.take(":") {
                        self.name()?;
                    }
                    self.function(true)?;
                }
                Token::Sign("local") => self.local()?,
                _ => self.assignment_or_call()?,
            }
        }
    }

    fn body(&mut self, opening: &str) -> Option<()> {
        self.expect(opening)?;
        self.block()?;
        self.expect("end")
    }

    fn condition(&mut self) -> Option<()> {
        loop {
            self.at += 1;
            self.plain_value()?;
            self.expect("then")?;
            self.block()?;
            if self.is("elseif") {
                continue;
            }
            if self.take("else") {
                self.block()?;
            }
            return self.expect("end");
        }
    }

    fn repeat(&mut self) -> Option<()> {
        self.at += 1;
        self.deeper(|reader| {
            let outer = reader.scope.len();
            reader.statements()?;
            reader.expect("until")?;
            // The condition sees the locals of the block.
            reader.plain_value()?;
            reader.scope.truncate(outer);
            Some(())
        })
    }

    fn loop_over(&mut self) -> Option<()> {
        self.at += 1;
        let outer = self.scope.len();
        let mut names = vec![self.name()?];
        if self.take("=") {
            self.plain_values()?;
            self.scope.push((names[0], Shape::Other));
        } else {
            while self.take(",") {
                names.push(self.name()?);
            }
            self.expect("in")?;
            let shapes = self.values()?;
            let over_keys = shapes == [Shape::EachKey];
            if !over_keys {
                shapes.iter().try_for_each(|&shape| plain(shape))?;
            }
            for (at, name) in names.into_iter().enumerate() {
                self.scope.push((name, if over_keys && at == 1 { Shape::Key } else { Shape::Other }));
            }
        }
        self.body("do")?;
        self.scope.truncate(outer);
        Some(())
    }

    fn local(&mut self) -> Option<()> {
        self.at += 1;
        if self.take("function") {
            let name = self.name()?;
            self.scope.push((name, Shape::Other));
            return self.function(false);
        }
        let mut names = vec![self.name()?];
        while self.take(",") {
            names.push(self.name()?);
        }
        let shapes = if self.take("=") { self.values()? } else { Vec::new() };
        for shape in &shapes {
            match shape {
                Shape::Keys | Shape::Redis | Shape::EachKey => return None,
                _ => {}
            }
        }
        // More values than names are lost, but not what they are of.
        for (at, name) in names.into_iter().enumerate() {
            let shape = match shapes.get(at) {
                Some(&shape @ (Shape::Key | Shape::Calls)) => shape,
                // A local may change, so that it is no constant.
                _ => Shape::Other,
            };
            self.scope.push((name, shape));
        }
        Some(())
    }

    fn assignment_or_call(&mut self) -> Option<()> {
        let (mut shape, mut target) = self.suffixed()?;
        if target == Target::Call {
            return plain(shape);
        }
        loop {
            match target {
                Target::Call => return None,
                Target::Name(name) => self.forbid_change(name)?,
                Target::Element => match shape {
                    // An element of KEYS, or what becomes of a field of `redis`.
                    Shape::Key | Shape::Calls | Shape::Redis | Shape::Keys => return None,
                    _ => {}
                },
            }
            if self.take("=") {
                return self.plain_values();
            }
            self.expect(",")?;
            (shape, target) = self.suffixed()?;
        }
    }

    /// A name whose meaning is relied on must not be given another.
    fn forbid_change(&self, name: &str) -> Option<()> {
        match self.scope.iter().rev().find(|(known, _)| *known == name) {
            Some((_, Shape::Other)) => Some(()),
            // A global cannot be changed; whoever tries gets an error.
            _ => None,
        }
    }

    fn function(&mut self, has_self: bool) -> Option<()> {
        self.deeper(|reader| {
            let outer = reader.scope.len();
            if has_self {
                reader.scope.push(("self", Shape::Other));
            }
            reader.expect("(")?;
            while !reader.take(")") {
                match reader.next() {
                    Token::Name(name) => reader.scope.push((name, Shape::Other)),
                    Token::Sign("...") => {}
                    _ => return None,
                }
                if !reader.is(")") {
                    reader.expect(",")?;
                }
            }
            reader.block()?;
            reader.scope.truncate(outer);
            reader.expect("end")
        })
    }

    // Expressions -------------------------------------------------------------------------------------------------------------

    fn values(&mut self) -> Option<Vec<Shape<'a>>> {
        let mut shapes = vec![self.value()?];
        while self.take(",") {
            shapes.push(self.value()?);
        }
        Some(shapes)
    }

    /// Values that may go anywhere.
    fn plain_values(&mut self) -> Option<()> {
        self.values()?.into_iter().try_for_each(plain)
    }

    fn plain_value(&mut self) -> Option<()> {
        self.value().and_then(plain)
    }

    /// An expression. Which operator binds how closely makes no difference: whatever is computed is something else.
    fn value(&mut self) -> Option<Shape<'a>> {
        self.deeper(|reader| {
            let mut shape = reader.operand()?;
            while let Token::Sign("+" | "-" | "*" | "/" | "%" | "^" | ".." | "==" | "~=" | "<" | "<=" | ">" | ">=" | "and" | "or") =
                reader.peek()
            {
                reader.at += 1;
                plain(shape)?;
                plain(reader.operand()?)?;
                shape = Shape::Other;
            }
            Some(shape)
        })
    }

    fn operand(&mut self) -> Option<Shape<'a>> {
        match self.peek() {
            Token::Sign("#") => {
                self.at += 1;
                match self.deeper(Self::operand)? {
                    Shape::Keys => {}
                    other => plain(other)?,
                }
                Some(Shape::Other)
            }
            Token::Sign("-" | "not") => {
                self.at += 1;
                self.deeper(|reader| reader.operand().and_then(plain))?;
                Some(Shape::Other)
            }
            Token::Sign("nil" | "true" | "false") => {
                self.at += 1;
                Some(Shape::Other)
            }
            Token::Sign("...") => {
                self.at += 1;
                Some(Shape::Many)
            }
            Token::Text(text) => {
                self.at += 1;
                Some(Shape::Text(text))
            }
            Token::OtherText => {
                self.at += 1;
                Some(Shape::Other)
            }
            Token::Number(number) => {
                self.at += 1;
                Some(Shape::Number(number))
            }
            Token::Sign("{") => {
                self.table()?;
                Some(Shape::Other)
            }
            Token::Sign("function") => {
                self.at += 1;
                self.function(false)?;
                Some(Shape::Other)
            }
            _ => self.suffixed().map(|(shape, _)| shape),
        }
    }

    fn table(&mut self) -> Option<()> {
        self.expect("{")?;
        while !self.take("}") {
            if self.take("[") {
                self.plain_value()?;
                self.expect("]")?;
                self.expect("=")?;
            } else if matches!((self.peek(), self.tokens.get(self.at + 1)), (Token::Name(_), Some(Token::Sign("=")))) {
                self.at += 2;
            }
            self.plain_value()?;
            if !self.is("}") && !self.take(",") {
                self.expect(";")?;
            }
        }
        Some(())
    }

    /// A name or an expression in brackets, with fields, indices and calls behind it.
    fn suffixed(&mut self) -> Option<(Shape<'a>, Target<'a>)> {
        let (mut shape, mut target) = match self.next() {
            Token::Name(name) => (self.named(name)?, Target::Name(name)),
            Token::Sign("(") => {
                let shape = match self.value()? {
                    // Brackets leave one value of many.
                    Shape::Many | Shape::AllKeys => Shape::Other,
                    shape => shape,
                };
                self.expect(")")?;
                (shape, Target::Call)
            }
            _ => return None,
        };
        loop {
            match self.peek() {
                Token::Sign(".") => {
                    self.at += 1;
                    let field = self.name()?;
                    shape = match shape {
                        Shape::Redis if field == "call" || field == "pcall" => Shape::Calls,
                        Shape::Redis => Shape::Other,
                        Shape::Keys | Shape::Calls | Shape::EachKey => return None,
                        _ => Shape::Other,
                    };
                    target = Target::Element;
                }
                Token::Sign("[") => {
                    self.at += 1;
                    self.plain_value()?;
                    self.expect("]")?;
                    shape = match shape {
                        Shape::Keys => Shape::Key,
                        Shape::Redis | Shape::Calls | Shape::EachKey => return None,
                        _ => Shape::Other,
                    };
                    target = Target::Element;
                }
                Token::Sign(":") => {
                    self.at += 1;
                    self.name()?;
                    plain(shape)?;
                    self.arguments()?.into_iter().try_for_each(plain)?;
                    (shape, target) = (Shape::Many, Target::Call);
                }
                Token::Sign("(" | "{") | Token::Text(_) | Token::OtherText => {
                    let given = self.arguments()?;
                    shape = self.called(shape, &given)?;
                    target = Target::Call;
                }
                _ => return Some((shape, target)),
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Shape<'a>>> {
        match self.peek() {
            Token::Sign("(") => {
                self.at += 1;
                let given = if self.is(")") { Vec::new() } else { self.values()? };
                self.expect(")")?;
                Some(given)
            }
            Token::Sign("{") => {
                self.table()?;
                Some(vec![Shape::Other])
            }
            Token::Text(text) => {
                self.at += 1;
                Some(vec![Shape::Text(text)])
            }
            Token::OtherText => {
                self.at += 1;
                Some(vec![Shape::Other])
            }
            _ => None,
        }
    }

    fn named(&self, name: &'a str) -> Option<Shape<'a>> {
        if let Some((_, shape)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return Some(*shape);
        }
        match name {
            "KEYS" => Some(Shape::Keys),
            "redis" => Some(Shape::Redis),
            "unpack" | "ipairs" | "pairs" => Some(Shape::Harmless(name)),
            _ if DANGEROUS.contains(&name) => None,
            _ => Some(Shape::Other),
        }
    }

    /// What a call of such a thing, given such things, comes to.
    fn called(&self, called: Shape<'a>, given: &[Shape<'a>]) -> Option<Shape<'a>> {
        match (called, given) {
            (Shape::Calls, _) => {
                self.is_near(given)?;
                Some(Shape::Many)
            }
            (Shape::Harmless("unpack"), [Shape::Keys]) => Some(Shape::AllKeys),
            (Shape::Harmless(_), [Shape::Keys]) => Some(Shape::EachKey),
            (Shape::Keys | Shape::Redis | Shape::EachKey, _) => None,
            _ => {
                given.iter().try_for_each(|&shape| plain(shape))?;
                Some(Shape::Many)
            }
        }
    }

    /// Whether a call with these words looks at keys of `KEYS` only.
    fn is_near(&self, given: &[Shape<'a>]) -> Option<()> {
        let Some(Shape::Text(name)) = given.first() else { return None };
        if given.iter().any(|shape| matches!(shape, Shape::Keys | Shape::Redis | Shape::Calls | Shape::EachKey | Shape::Harmless(_))) {
            return None;
        }
        // A value that stands for many may stand for any number only at the end.
        let (last, words) = given.split_last()?;
        let words: Vec<Shape<'a>> =
            words.iter().map(|shape| if *shape == Shape::AllKeys { Shape::Key } else { *shape }).chain([*last]).collect();
        let sub = match words.get(1) {
            Some(Shape::Text(sub)) => Some(*sub),
            _ => None,
        };
        match self.caller.named(name, sub) {
            // Of no such command; or of one that no shard is asked for.
            Ok(Some(Callee::Other(_)) | None) => Some(()),
            Ok(Some(Callee::Data(row, _))) => keys_are_near(row, &words),
            // Which subcommand it is does not show.
            Err(_) => None,
        }
    }
}

/// What an expression could be assigned to, if it stood on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target<'a> {
    Name(&'a str),
    Element,
    /// Nothing.
    Call,
}

/// Whether a value may go where it cannot be followed any more.
fn plain(shape: Shape<'_>) -> Option<()> {
    match shape {
        Shape::Keys | Shape::Redis | Shape::Calls | Shape::EachKey => None,
        Shape::Key | Shape::AllKeys | Shape::Text(_) | Shape::Number(_) | Shape::Harmless(_) | Shape::Many | Shape::Other => Some(()),
    }
}

/// Whether every key of a call of that row is one of `KEYS`.
fn keys_are_near(row: &Row, words: &[Shape<'_>]) -> Option<()> {
    if row.beyond.is_some() || matches!(row.spread, Spread::All(_) | Spread::Cursor(_)) || row.spec.keys.is_empty() {
        return None;
    }
    let ends_open = matches!(words.last(), Some(Shape::Many | Shape::AllKeys));
    // The first word whose place is not known for certain.
    let open_from = if ends_open { words.len() - 1 } else { usize::MAX };
    for keys in row.spec.keys {
        let (first, last, step) = match keys.find {
            Find::Range { last, step } => match usize::try_from(last) {
                Ok(last) => (keys.begin, keys.begin + last, step),
                Err(_) if ends_open => {
                    // All the rest are keys, whatever their number.
                    let all_keys = last == -1 && step == 1 && words.last() == Some(&Shape::AllKeys) && open_from >= keys.begin;
                    if !all_keys {
                        return None;
                    }
                    (keys.begin, open_from - usize::from(open_from > 0), 1)
                }
                Err(_) => (keys.begin, words.len().checked_sub(usize::try_from(last.unsigned_abs()).ok()?)?, step),
            },
            Find::Counted { step } => {
                let Some(Shape::Number(count)) = words.get(keys.begin) else { return None };
                let count: usize = count.parse().ok().filter(|&count| count > 0 && count < 1 << 20)?;
                (keys.begin + 1, keys.begin + 1 + (count - 1) * step, step)
            }
            Find::Halved { .. } | Find::Unknown { .. } | Find::Behind { .. } => return None,
        };
        let mut at = first;
        while at <= last {
            // Too few words are an error, unless there may be more of them than there seem.
            match words.get(at) {
                Some(Shape::Key) => {}
                None if !ends_open => break,
                _ => return None,
            }
            at += step;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Args, FAMILIES};
    use crate::script::Refusal;

    /// The data commands alone.
    struct Table;

    impl Caller for Table {
        fn find(&self, _: &Args<'_>) -> Result<Callee, Refusal> {
            Err(Refusal::Unknown)
        }

        fn knows(&self, _: &Args<'_>) -> bool {
            false
        }

        fn named(&self, name: &[u8], sub: Option<&[u8]>) -> Result<Option<Callee>, Refusal> {
            let rows = || FAMILIES.iter().copied().flatten();
            let is = |row: &Row, name: &[u8]| row.spec.name.as_bytes().eq_ignore_ascii_case(name);
            if let Some(row) = rows().find(|row| is(row, name)) {
                return Ok(Some(Callee::Data(row, 0)));
            }
            if rows().any(|row| row.spec.container().is_some_and(|container| container.as_bytes().eq_ignore_ascii_case(name))) {
                let whole = [name, b"|", sub.ok_or(Refusal::Unknown)?].concat();
                return Ok(rows().find(|row| is(row, &whole)).map(|row| Callee::Data(row, 0)));
            }
            Ok(None)
        }
    }

    fn proven(script: &str) -> bool {
        is_proven(script.as_bytes(), &Table)
    }

    #[test]
    fn what_needs_its_keys_only() {
        for script in [
            "",
            "return 1",
            "return redis.call('INCR', KEYS[1])",
            "return redis.call('incr', KEYS[ 1 ]) -- a comment [[ ]]",
            "--[[ long\n comment ]] return redis.pcall(\"get\", KEYS[1])",
            "local k = KEYS[1] redis.call('SET', k, ARGV[1]) return redis.call('GET', k)",
            "local a, b = KEYS[1], KEYS[2] return redis.call('RENAME', a, b)",
            "local call = redis.call return call('GET', KEYS[1])",
            "for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end",
            "for _, key in ipairs(KEYS) do redis.call('DEL', key) end",
            "return redis.call('DEL', unpack(KEYS))",
            "return redis.call('MGET', KEYS[1], KEYS[2])",
            "return redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], 7)",
            "return redis.call('ZADD', KEYS[1], unpack(ARGV))",
            "return redis.call('ZUNIONSTORE', KEYS[1], 2, KEYS[2], KEYS[3], 'AGGREGATE', 'MAX')",
            "return redis.call('OBJECT', 'ENCODING', KEYS[1])",
            "return redis.call('TIME')[1] + redis.call('PING').ok",
            "return redis.call('NOSUCH', 'x')",
            "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end",
            "local n = 0 while n < 3 do n = n + redis.call('INCR', KEYS[1]) end repeat local x = 1 until x == 1 return n",
            "local function f(x) return x * 2 end local t = {f(1), a = 2, ['b'] = 3; 4} t.a = 5 t[1] = KEYS[1] return #t",
            "return cjson.encode({key = KEYS[1], rest = {unpack(ARGV)}})",
            "redis.log(redis.LOG_WARNING, 'x') return redis.error_reply('NO ' .. KEYS[1])",
            "return {redis.call('GET', KEYS[1]):upper(), ('x'):rep(3), -1, not nil, 1e-5, 0x10, .5, [[long]], \"a\\\"b\"}",
            "local a; a = 1 return a",
        ] {
            assert!(proven(script), "{script}");
        }
    }

    #[test]
    fn what_may_look_elsewhere() {
        for script in [
            "return redis.call('GET', 'fixed')",
            "return redis.call('GET', ARGV[1])",
            "return redis.call('GET', KEYS[1] .. 'x')",
            "return redis.call(ARGV[1], KEYS[1])",
            "return redis.call('G' .. 'ET', KEYS[1])",
            "local name = 'GET' return redis.call(name, KEYS[1])",
            "local k = KEYS[1] k = 'other' return redis.call('GET', k)",
            "local k = KEYS[1] local function f() k = 'other' end f() return redis.call('GET', k)",
            "local k = 'other' return redis.call('GET', k)",
            "local k = KEYS[1] do local k = 'other' redis.call('GET', k) end",
            "local function f(k) return redis.call('GET', k) end return f(KEYS[1])",
            "KEYS[1] = 'other' return redis.call('GET', KEYS[1])",
            "local a a, KEYS[1] = 1, 'other' return redis.call('GET', KEYS[1])",
            "KEYS[1], KEYS[2] = 'a', 'b' return redis.call('GET', KEYS[1])",
            "table.insert(KEYS, 1, 'other') return redis.call('GET', KEYS[1])",
            "local t = KEYS t[1] = 'other' return redis.call('GET', KEYS[1])",
            "local t = {KEYS} t[1][1] = 'other' return redis.call('GET', KEYS[1])",
            "return (function(t) t[1] = 'x' return redis.call('GET', KEYS[1]) end)(KEYS)",
            "local r = redis return r.call('GET', 'x')",
            "local r = {redis} return r[1].call('GET', 'x')",
            "return redis['call']('GET', 'x')",
            "return redis[('call')]('GET', KEYS[1])",
            "local f = {redis.call} return f[1]('GET', 'x')",
            "return pcall(redis.call, 'GET', 'x')",
            "return pcall(redis.call, 'GET', KEYS[1])",
            "local call = redis.call call = print return call('GET', KEYS[1])",
            "local call = redis.call return call('GET', 'x')",
            "return loadstring('return redis.call(\"GET\", \"x\")')()",
            "return load(function() return 'x' end)",
            "return _G.redis.call('GET', 'x')",
            "return _G['redis']",
            "setmetatable({}, {__index = redis})",
            "rawset(KEYS, 1, 'x')",
            "for k in pairs(KEYS) do redis.call('GET', k) end",
            "for _, v in ipairs(ARGV) do redis.call('GET', v) end",
            "for _, key in ipairs(KEYS) do key = 'x' redis.call('DEL', key) end",
            "return redis.call('DEL', unpack(ARGV))",
            "return redis.call('DEL', KEYS[1], unpack(ARGV))",
            "return redis.call('MSET', unpack(KEYS))",
            "return redis.call('MSET', KEYS[1], 1, ARGV[1], 2)",
            "return redis.call('RENAME', KEYS[1], ...)",
            "return redis.call('RENAME', KEYS[1], redis.call('GET', KEYS[1]))",
            "return redis.call('RENAME', KEYS[1], ARGV[1])",
            "return redis.call(unpack(ARGV))",
            "return redis.call('GET', unpack(KEYS))",
            "return redis.call('ZUNIONSTORE', KEYS[1], ARGV[1], KEYS[2])",
            "return redis.call('ZUNIONSTORE', KEYS[1], 2, KEYS[2], ARGV[1])",
            "return redis.call('ZUNIONSTORE', KEYS[1], 2, KEYS[2], unpack(ARGV))",
            "return redis.call('KEYS', '*')",
            "return redis.call('SCAN', 0)",
            "return redis.call('DBSIZE')",
            "return redis.call('FLUSHALL')",
            "return redis.call('RANDOMKEY')",
            "return redis.call('SORT', KEYS[1], 'BY', 'w_*')",
            "return redis.call('XREAD', 'STREAMS', KEYS[1], '0')",
            "return redis.call('OBJECT', ARGV[1], KEYS[1])",
            "return redis.call('OBJECT', 'ENCODING', 'x')",
            "return redis:call('GET')",
            "string.gsub('x', 'x', redis.call)",
            "redis.call = nil",
            "local KEYS = {'x'} return redis.call('GET', KEYS[1])",
            "function KEYS() end",
            "return KEYS",
            "ARGV = KEYS",
            "local f = function(KEYS) return redis.call('GET', KEYS[1]) end return f({'x'})",
            "return redis.call('GET', (unpack(ARGV)))",
            "return redis.call 'GET'.x(KEYS)",
            "\u{e9}",
        ] {
            assert!(!proven(script), "{script}");
        }
    }

    #[test]
    fn a_local_of_the_same_name_is_another_thing() {
        assert!(proven("local redis = {call = tostring} return redis.call('GET', 'x')"), "it is no call at all");
        assert!(!proven("local k = KEYS[1] local k = ARGV[1] return redis.call('GET', k)"));
        assert!(proven("local k = ARGV[1] do local k = KEYS[1] redis.call('GET', k) end return k"));
    }

    #[test]
    fn nothing_is_too_deep_to_be_refused() {
        let deep = |open: &str, close: &str| format!("return {}1{}", open.repeat(100_000), close.repeat(100_000));
        for script in [
            deep("(", ")"),
            deep("{", "}"),
            deep("- ", ""),
            deep("not ", ""),
            deep("#", ""),
            "do ".repeat(100_000),
            "if 1 then ".repeat(100_000),
        ] {
            assert!(!proven(&script));
        }
    }
}
