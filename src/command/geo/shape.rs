//! What is searched for places: a circle, a box or a polygon around a centre, on a globe; and the cells of the map that cover it.
//! Distances, and which cells are looked through in which order, are Redis's.

use super::cell::{Cell, LATITUDE_MAX, LONGITUDE_MAX, Point, STEPS_MAX};

const EARTH_RADIUS_METERS: f64 = 6_372_797.560_856;
/// Half the way around the square map.
const MAP_METERS_MAX: f64 = 20_037_726.37;

/// What lies within, in some unit.
#[derive(Clone, Debug)]
pub(super) enum Outline {
    Circle {
        radius: f64,
    },
    Box {
        width: f64,
        height: f64,
    },
    /// Three corners or more; the last is joined to the first.
    Polygon(Vec<Point>),
}

/// An outline in its place.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) outline: Outline,
    pub(super) center: Point,
    /// The unit of the outline, and of the distances that are answered.
    pub(super) meters: f64,
}

/// The least and the most of longitude and latitude.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Shape {
    /// A polygon, with its centre of gravity for a centre; distances from it are in metres.
    pub(super) fn polygon(corners: Vec<Point>) -> Shape {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for corner in &corners {
            let (longitude, latitude) = (radians(corner.longitude), radians(corner.latitude));
            x += latitude.cos() * longitude.cos();
            y += latitude.cos() * longitude.sin();
            z += latitude.sin();
        }
        // Corners around a pole have their centre beyond the map.
        let latitude = degrees(z.atan2((x * x + y * y).sqrt())).clamp(-LATITUDE_MAX, LATITUDE_MAX);
        Shape { outline: Outline::Polygon(corners), center: Point { longitude: degrees(y.atan2(x)), latitude }, meters: 1.0 }
    }

    /// How far from the centre a place is, in metres, if it lies within.
    pub(super) fn distance(&self, point: Point) -> Option<f64> {
        let within = match &self.outline {
            Outline::Circle { radius } => {
                let distance = distance(self.center, point);
                return (!exceeds(distance, radius * self.meters)).then_some(distance);
            }
            Outline::Box { width, height } => {
                let across = Point { longitude: self.center.longitude, latitude: point.latitude };
                !exceeds(distance_of_latitudes(point.latitude, self.center.latitude), height * self.meters / 2.0)
                    && !exceeds(distance(point, across), width * self.meters / 2.0)
            }
            Outline::Polygon(corners) => is_inside(corners, point),
        };
        within.then(|| distance(self.center, point))
    }

    /// The cells to look through: the centre's own and its neighbours, without those that lie outside or come twice in a row.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> {
        let bounds = self.bounds();
        let mut steps = steps_for(self.reach_meters(bounds), self.center.latitude);
        let mut cell = Cell::of(self.center, steps);
        // Near the edge of a cell even the neighbours may not reach far enough.
        let too_near = cell.moved(0, 1).area().north < bounds.north
            || cell.moved(0, -1).area().south > bounds.south
            || cell.moved(1, 0).area().east < bounds.east
            || cell.moved(-1, 0).area().west > bounds.west;
        if steps > 1 && too_near {
            steps -= 1;
            cell = Cell::of(self.center, steps);
        }
        let area = cell.area();
        let whole = steps < 2;
        let beyond = move |columns: i32, rows: i32| {
            !whole
                && ((rows < 0 && area.south < bounds.south)
                    || (rows > 0 && area.north > bounds.north)
                    || (columns < 0 && area.west < bounds.west)
                    || (columns > 0 && area.east > bounds.east))
        };
        const MOVES: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        // Of very coarse cells the neighbours on both sides are the same.
        let mut last = None;
        MOVES.into_iter().enumerate().filter(move |&(_, (columns, rows))| !beyond(columns, rows)).filter_map(
            move |(at, (columns, rows))| {
                let next = cell.moved(columns, rows);
                if last == Some(next) {
                    return None;
                }
                last = Some(next).filter(|_| at > 0);
                Some(next)
            },
        )
    }

    fn bounds(&self) -> Bounds {
        let Point { longitude, latitude } = self.center;
        let (width, height) = match &self.outline {
            Outline::Circle { radius } => (self.meters * radius, self.meters * radius),
            Outline::Box { width, height } => (self.meters * width / 2.0, self.meters * height / 2.0),
            Outline::Polygon(corners) => return bounds_of(corners),
        };
        let up = degrees(height / EARTH_RADIUS_METERS);
        // The nearer to a pole, the more degrees of longitude the same width takes.
        let narrow = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = degrees(width / EARTH_RADIUS_METERS / radians(narrow).cos());
        Bounds { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
    }

    /// How far from the centre the shape reaches.
    fn reach_meters(&self, bounds: Bounds) -> f64 {
        match &self.outline {
            Outline::Circle { radius } => radius * self.meters,
            Outline::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt() * self.meters,
            Outline::Polygon(_) => {
                let corners =
                    [(bounds.west, bounds.north), (bounds.east, bounds.north), (bounds.west, bounds.south), (bounds.east, bounds.south)];
                let far = corners.map(|(longitude, latitude)| distance(self.center, Point { longitude, latitude }));
                far.into_iter().fold(0.0, f64::max)
            }
        }
    }
}

/// Whether it is too far. The distance of antipodes may come out as no number, which is not too far.
fn exceeds(meters: f64, most: f64) -> bool {
    meters > most
}

fn bounds_of(corners: &[Point]) -> Bounds {
    let none = Bounds { west: LONGITUDE_MAX, east: -LONGITUDE_MAX, south: LATITUDE_MAX, north: -LATITUDE_MAX };
    corners.iter().fold(none, |bounds, corner| Bounds {
        west: bounds.west.min(corner.longitude),
        east: bounds.east.max(corner.longitude),
        south: bounds.south.min(corner.latitude),
        north: bounds.north.max(corner.latitude),
    })
}

/// Whether a ray to the east from the place crosses the outline an odd number of times.
fn is_inside(corners: &[Point], point: Point) -> bool {
    let mut inside = false;
    let Some(mut from) = corners.last() else { return false };
    for to in corners {
        if (to.latitude > point.latitude) != (from.latitude > point.latitude) {
            let slope = (from.longitude - to.longitude) * (point.latitude - to.latitude) / (from.latitude - to.latitude);
            inside ^= point.longitude < slope + to.longitude;
        }
        from = to;
    }
    inside
}

/// The halvings after which a cell is about as large as what is searched.
fn steps_for(reach_meters: f64, latitude: f64) -> u32 {
    if reach_meters == 0.0 {
        return STEPS_MAX;
    }
    let (mut reach, mut steps) = (reach_meters, 1u32);
    // A reach below what STEPS_MAX halvings resolve needs no more counting.
    while reach < MAP_METERS_MAX && steps < 2 * STEPS_MAX {
        reach *= 2.0;
        steps += 1;
    }
    // Twice as large as that, so that the neighbours reach far enough in most cases, and larger still near the poles.
    let polar = if latitude.abs() > 80.0 {
        2
    } else if latitude.abs() > 66.0 {
        1
    } else {
        0
    };
    steps.saturating_sub(2 + polar).clamp(1, STEPS_MAX)
}

/// The way between two places along the surface, in metres.
pub(super) fn distance(from: Point, to: Point) -> f64 {
    let across = ((radians(to.longitude) - radians(from.longitude)) / 2.0).sin();
    if across == 0.0 {
        return distance_of_latitudes(from.latitude, to.latitude);
    }
    let (from, to) = (radians(from.latitude), radians(to.latitude));
    let up = ((to - from) / 2.0).sin();
    let haversine = up * up + from.cos() * to.cos() * across * across;
    2.0 * EARTH_RADIUS_METERS * haversine.sqrt().asin()
}

fn distance_of_latitudes(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_METERS * (radians(to) - radians(from)).abs()
}

// `f64::to_radians` multiplies by the same number; it is spelt out because every last bit is part of the replies.
fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::geo::cell::score_of;
    use proptest::prelude::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point { longitude, latitude }
    }

    #[test]
    fn a_polygon_has_an_inside() {
        // An L: the corner that is missing lies outside.
        let shape =
            Shape::polygon([(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)].map(|(x, y)| point(x, y)).to_vec());
        assert!(shape.distance(point(0.5, 1.5)).is_some() && shape.distance(point(1.5, 0.5)).is_some());
        assert!(shape.distance(point(1.5, 1.5)).is_none() && shape.distance(point(-0.1, 0.5)).is_none());
        assert!(shape.cells().count() <= 9);
    }

    #[test]
    fn shapes_at_the_edges_have_cells() {
        for (longitude, latitude) in [(180.0, LATITUDE_MAX), (-180.0, -LATITUDE_MAX), (0.0, 0.0), (179.9, 84.9)] {
            for radius in [0.0, 5e-324, 1.0, 1e5, 1e9, 1e308, f64::INFINITY] {
                for outline in [Outline::Circle { radius }, Outline::Box { width: radius, height: radius }] {
                    let shape = Shape { outline, center: point(longitude, latitude), meters: 1.0 };
                    assert!((1..=9).contains(&shape.cells().count()), "{shape:?}");
                }
            }
        }
        let around_the_pole = Shape::polygon([(0.0, 85.0), (120.0, 85.0), (-120.0, 85.0)].map(|(x, y)| point(x, y)).to_vec());
        assert!(around_the_pole.cells().count() >= 1);
    }

    proptest! {
        /// Within some thousand kilometres and away from the poles and the date line, whatever lies within is in one of the cells.
        #[test]
        fn cells_cover_the_shape(
            center in (-90.0..90.0, -60.0..60.0),
            radius in 1.0..1_000_000.0,
            offset in (-1.0..1.0, -1.0..1.0),
        ) {
            let center = point(center.0, center.1);
            let degrees = radius / 111_000.0;
            let there = point(center.longitude + offset.0 * degrees, center.latitude + offset.1 * degrees);
            for outline in [Outline::Circle { radius }, Outline::Box { width: radius, height: 2.0 * radius }] {
                let shape = Shape { outline, center, meters: 1.0 };
                if shape.distance(there).is_some() {
                    let score = score_of(there);
                    prop_assert!(shape.cells().any(|cell| (cell.scores().0..cell.scores().1).contains(&score)));
                }
            }
            let corners = [(-0.7, -0.5), (0.9, -0.2), (0.1, 0.8)].map(|(x, y)| point(center.longitude + x * degrees, center.latitude + y * degrees));
            let shape = Shape::polygon(corners.to_vec());
            if shape.distance(there).is_some() {
                let score = score_of(there);
                prop_assert!(shape.cells().any(|cell| (cell.scores().0..cell.scores().1).contains(&score)));
            }
        }
    }
}
