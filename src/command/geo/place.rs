//! Places and lengths as clients write them and are answered.

use super::cell::{LATITUDE_MAX, LONGITUDE_MAX, Point};
use crate::command::Fault;
use crate::resp::{Protocol, Reply, number};

const UNKNOWN_UNIT: &str = "ERR unsupported unit provided. please use M, KM, FT, MI";

/// Longitude and latitude, which must be on the map.
pub(super) fn place(longitude: &[u8], latitude: &[u8]) -> Result<Point, Fault> {
    let read = |word| number::parse_double(word).ok_or(Fault::NotFloat);
    let point = Point { longitude: read(longitude)?, latitude: read(latitude)? };
    if point.longitude.abs() > LONGITUDE_MAX || point.latitude.abs() > LATITUDE_MAX {
        let Point { longitude, latitude } = point;
        return Err(Fault::told(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
    }
    Ok(point)
}

/// How many metres a unit is.
pub(super) fn unit(word: &[u8]) -> Result<f64, Fault> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let known = UNITS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    known.map(|(_, meters)| meters).ok_or(Fault::Because(UNKNOWN_UNIT))
}

/// A distance: four digits behind the point, a bulk string in RESP3 too.
pub(super) fn write_distance(distance: f64, reply: &mut Reply<'_>) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

/// Longitude and latitude, with up to 17 digits behind the point.
pub(super) fn write_place(point: Point, reply: &mut Reply<'_>) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let digits = format!("{degrees:.17}");
        let text = match digits.trim_end_matches('0').trim_end_matches('.') {
            "-0" => "0",
            text => text,
        };
        match reply.protocol() {
            Protocol::Resp2 => reply.bulk(text.as_bytes()),
            Protocol::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}
