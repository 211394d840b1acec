//! What cjson promises beyond the table of answers: that what it writes it reads again, and that hostile input costs little.

use mlua::Lua;
use proptest::prelude::*;

use crate::script::library::ALL;

/// A value of Lua's as a script would write it.
fn literal() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_string()),
        Just("cjson.null".to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        (-1000_i32..1000).prop_map(|number| format!("({number} / 8)")),
        proptest::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| quoted(&bytes)),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let key = proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| quoted(&bytes));
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..8).prop_map(|items| format!("{{{}}}", items.join(", "))),
            proptest::collection::vec((key, inner), 0..8).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("[{key}] = {value}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    })
}

fn quoted(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03}")).collect();
    format!("\"{escaped}\"")
}

fn lua() -> Lua {
    let lua = Lua::new();
    for (name, open) in ALL {
        lua.globals().set(name, open(&lua).expect("a library")).expect("a global");
    }
    let same = "function same(a, b)
        if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
        for k, v in pairs(a) do if not same(v, b[k]) then return false end end
        for k in pairs(b) do if a[k] == nil then return false end end
        return true
    end";
    lua.load(same).exec().expect("it is Lua");
    lua
}

proptest! {
    /// What is written is read again as what it was.
    #[test]
    fn values_survive(value in literal()) {
        let lua = lua();
        let json: bool = lua.load(format!("local v = {value} return same(v, cjson.decode(cjson.encode(v)))")).eval().expect("it does not fail");
        // It knows no null but nil, which a table does not hold.
        let value = value.replace("cjson.null", "false");
        let pack: bool = lua.load(format!("local v = {value} return same(v, (cmsgpack.unpack(cmsgpack.pack(v))))")).eval().expect("it does not fail");
        prop_assert!(json, "json: {}", value);
        prop_assert!(pack, "msgpack: {}", value);
    }

    /// A number of any format goes there and back, at any alignment.
    #[test]
    fn records_survive(format in "[<>!]{0,2}", items in proptest::collection::vec(("[bBhHlLTi]|i[1-9]|i1[0-6]|I[1-8]", 0_u8..128), 1..12)) {
        let letters: String = items.iter().map(|(letter, _)| letter.as_str()).collect();
        let values: Vec<String> = items.iter().map(|(_, value)| value.to_string()).collect();
        let values = values.join(", ");
        let script = format!("local f = '{format}{letters}' local packed = struct.pack(f, {values}) local there = {{struct.unpack(f, packed)}}
            return same({{{values}, #packed + 1}}, there) and #packed == struct.size(f)");
        prop_assert!(lua().load(&script).eval::<bool>().expect("it does not fail"), "{}{}", format, letters);
    }

    /// No bytes do harm, whatever they are taken for.
    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..64), format in "[ <>!bBhHlLTiIfdscx0-9]{0,12}") {
        let lua = lua();
        let bytes = lua.create_string(bytes).expect("a string");
        for script in ["return pcall(cjson.decode, ...)", "return pcall(cmsgpack.unpack, ...)", "local b, f = ... return pcall(struct.unpack, f, b)"] {
            lua.load(script).call::<mlua::MultiValue>((&bytes, format.as_str())).expect("pcall catches");
        }
    }

    /// Likewise for text that is nearly JSON.
    #[test]
    fn nearly_json_is_refused_or_read_to_the_end(text in "[\\[\\]{}:,\"a1\\\\u ]{0,24}") {
        let lua = lua();
        let script = "local text = ... local ok, value = pcall(cjson.decode, text) if not ok then return type(value) == 'string' end
            local written = cjson.encode(value) return same(cjson.decode(written), cjson.decode(cjson.encode(cjson.decode(written))))";
        prop_assert!(lua.load(script).call::<bool>(text.as_str()).expect("it does not fail"), "{}", text);
    }
}
