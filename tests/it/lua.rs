//! The libraries that scripts have: every expression of tests/data/lua-libraries.txt, here in this process and by redis-server.
//!
//! ```text
//! cjson.encode({1, 2})              an expression, or several, of Lua
//!     true, "[1,2]"                 that it did not raise, and the values; strings with everything unusual as \xHH
//! ```
//!
//! `LUA_FILL=1 cargo test --test it lua` writes down what the reference answers: read what it wrote before you believe it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use trencadis::internal::run_with_libraries;

use crate::daemon::Peer;
use crate::reply::Reply;

/// What the answer is made with; it stands in one line with the expression, since texts name the line.
const SHOW: &str = r#"
local function show(value, depth)
    local kind = type(value)
    if kind == 'number' then return value ~= value and 'nan' or string.format('%.17g', value) end
    if kind == 'string' then
        local function escape(c) return string.format('\\x%02x', c:byte()) end
        return '"' .. value:gsub('[^%w !#$%%&\'()*+,./:;<=>?@%[%]^_`{|}~-]', escape) .. '"'
    end
    if kind == 'table' then
        if depth > 20 then return '...' end
        local keys = {}
        for key in pairs(value) do keys[#keys + 1] = key end
        table.sort(keys, function(a, b)
            if type(a) ~= type(b) then return type(a) < type(b) end
            if type(a) == 'boolean' then return b and not a end
            return a < b
        end)
        for place, key in ipairs(keys) do keys[place] = '[' .. show(key, depth + 1) .. ']=' .. show(value[key], depth + 1) end
        return '{' .. table.concat(keys, ', ') .. '}'
    end
    if value == cjson.null then return 'null' end
    return (kind == 'nil' or kind == 'boolean') and tostring(value) or kind
end
local function all(...)
    local shown = {}
    for place = 1, select('#', ...) do shown[place] = show((select(place, ...)), 0) end
    return table.concat(shown, ', ')
end
return all(pcall(function() return EXPRESSION end))"#;

struct Case {
    line: usize,
    expression: String,
    expected: String,
}

impl Case {
    fn script(&self) -> String {
        SHOW.replace('\n', " ").replace("EXPRESSION", &self.expression)
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/lua-libraries.txt")
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(path()).expect("the table of expressions");
    let mut cases: Vec<Case> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(expected) = line.strip_prefix("    ") {
            let case = cases.last_mut().expect("an answer follows an expression");
            case.expected = expected.to_string();
        } else if !line.is_empty() && !line.starts_with('#') {
            cases.push(Case { line: at + 1, expression: line.to_string(), expected: String::new() });
        }
    }
    assert!(cases.len() > 500, "only {} expressions", cases.len());
    cases
}

/// Compares every answer, and tells of all that differ.
fn compare(mut answer: impl FnMut(&Case) -> String) {
    let mut wrong = String::new();
    let mut count = 0;
    for case in cases() {
        let found = answer(&case);
        if found != case.expected {
            count += 1;
            let _ =
                writeln!(wrong, "lua-libraries.txt:{}: {}\n  expected {}\n  found    {found}", case.line, case.expression, case.expected);
        }
    }
    assert!(count == 0, "{count} answers differ:\n{wrong}");
}

#[test]
fn the_libraries_answer_as_written() {
    compare(|case| match run_with_libraries(case.script().as_bytes()) {
        Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
        Err(error) => format!("failed: {error}"),
    });
}

#[test]
fn redis_server_answers_as_written() {
    let peer = Peer::redis_server();
    let mut wire = peer.wire();
    let mut ask = |case: &Case| match wire.ask(&["EVAL", &case.script(), "0"]) {
        Reply::Bulk(answer) => String::from_utf8_lossy(&answer).into_owned(),
        other => format!("{other:?}"),
    };
    if std::env::var_os("LUA_FILL").is_some() {
        let mut filled = String::new();
        let text = fs::read_to_string(path()).expect("the table of expressions");
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            filled.push_str(line);
            filled.push('\n');
            if !line.is_empty() && !line.starts_with('#') {
                let case = Case { line: 0, expression: line.to_string(), expected: String::new() };
                let _ = writeln!(filled, "    {}", ask(&case));
            }
        }
        fs::write(path(), filled).expect("the table can be written");
    }
    compare(ask);
}
