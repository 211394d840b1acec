//! Commands on places, which are sorted sets whose scores are cells of the map: the table of the family.

mod add;
mod cell;
mod place;
mod read;
mod search;
mod shape;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const SOURCE: KeySpec = KeySpec::at(1, Access::RO.and(Access::ACCESS));
const READ: &[KeySpec] = &[SOURCE];
const KEPT: Access = Access::OW.and(Access::UPDATE);
const READ_OR_STORE: &[KeySpec] = &[SOURCE, KeySpec::behind("STORE", 6, KEPT), KeySpec::behind("STOREDIST", 6, KEPT)];
const READ_OR_STORE_BY_MEMBER: &[KeySpec] = &[SOURCE, KeySpec::behind("STORE", 5, KEPT), KeySpec::behind("STOREDIST", 5, KEPT)];
const STORE: &[KeySpec] = &[KeySpec::at(1, KEPT), KeySpec::at(2, Access::RO.and(Access::ACCESS))];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::GEO)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::GEO)
}

pub(crate) static TABLE: &[Row] = &[
    write("geoadd", Arity::at_least(5), UPDATE, add::geoadd).denyoom().doc(
        "geo",
        "3.2.0",
        "Puts members of a sorted set at places, and answers how many are new.",
        "O(log(N)) for each member, in a set of N",
        "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    ),
    read("geodist", Arity::at_least(4), READ, read::geodist).doc(
        "geo",
        "3.2.0",
        "Answers the distance between two members of a set of places.",
        "O(1)",
        "key member1 member2 [M | KM | FT | MI]",
    ),
    read("geohash", Arity::at_least(2), READ, read::geohash).doc(
        "geo",
        "3.2.0",
        "Answers the geohashes of members of a set of places.",
        "O(1) for each member",
        "key [member [member ...]]",
    ),
    read("geopos", Arity::at_least(2), READ, read::geopos).doc(
        "geo",
        "3.2.0",
        "Answers longitude and latitude of members of a set of places.",
        "O(1) for each member",
        "key [member [member ...]]",
    ),
    write("georadius", Arity::at_least(6), READ_OR_STORE, search::georadius).denyoom().doc(
        "geo",
        "3.2.0",
        "Answers the members of a set of places that lie within a circle, or keeps them at another key.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
    ),
    read("georadius_ro", Arity::at_least(6), READ, search::georadius_ro).doc(
        "geo",
        "3.2.10",
        "Answers the members of a set of places that lie within a circle.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
    ),
    write("georadiusbymember", Arity::at_least(5), READ_OR_STORE_BY_MEMBER, search::georadiusbymember).denyoom().doc(
        "geo",
        "3.2.0",
        "Answers the members of a set of places that lie within a circle around one of them, or keeps them at another key.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
    ),
    read("georadiusbymember_ro", Arity::at_least(5), READ, search::georadiusbymember_ro).doc(
        "geo",
        "3.2.10",
        "Answers the members of a set of places that lie within a circle around one of them.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
    ),
    read("geosearch", Arity::at_least(7), READ, search::geosearch).doc(
        "geo",
        "6.2.0",
        "Answers the members of a set of places that lie within a circle, a box or a polygon.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "key [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    ),
    write("geosearchstore", Arity::at_least(8), STORE, search::geosearchstore).denyoom().doc(
        "geo",
        "6.2.0",
        "Keeps the members of a set of places that lie within a circle, a box or a polygon at another key.",
        "O(N+M*log(M)) for N places in the cells that cover the area and M in the area",
        "destination source [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
    ),
];
