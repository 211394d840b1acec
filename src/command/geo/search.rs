//! Places within a shape: GEOSEARCH and GEOSEARCHSTORE, and what there was before them, GEORADIUS and GEORADIUSBYMEMBER.

use std::ops::Bound;

use super::cell::{Point, point_of};
use super::place::{place, unit, write_distance, write_place};
use super::shape::{Outline, Shape};
use crate::command::zset::store;
use crate::command::{Args, Cx, Fault, Options};
use crate::resp::{Reply, number};
use crate::store::Entry;
use crate::store::types::SortedSet;
use crate::store::types::zset::Score;

const NO_MEMBER: &str = "ERR could not decode requested zset member";
const COUNT_TOO_SMALL: &str = "ERR COUNT must be > 0";
const ANY_ALONE: &str = "ERR the ANY argument requires COUNT argument";
const FEW_CORNERS: &str = "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
const MANY_CORNERS: &str = "ERR GEOSEARCH BYPOLYGON must have at most 10000 vertices";
const NO_CORNERS: &str = "ERR invalid number of vertices";

/// Every place of the set may be compared with every side of a polygon.
const CORNERS_MAX: usize = 10_000;

/// Which of the commands it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// GEORADIUS key longitude latitude radius unit ..; STORE and STOREDIST only where it may write.
    Radius { writes: bool },
    /// GEORADIUSBYMEMBER key member radius unit ..
    RadiusByMember { writes: bool },
    /// GEOSEARCH key ..
    Search,
    /// GEOSEARCHSTORE destination source ..
    SearchStore,
}

impl Form {
    fn source(self) -> usize {
        if self == Form::SearchStore { 2 } else { 1 }
    }

    /// The event of a result that is kept.
    fn stored(self) -> &'static str {
        if self.is_search() { "geosearchstore" } else { "georadiusstore" }
    }

    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    fn has_store(self) -> bool {
        matches!(self, Form::Radius { writes: true } | Form::RadiusByMember { writes: true })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Nearest,
    Farthest,
}

/// What has said where the centre is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Member,
    Place,
}

/// The call, read.
#[derive(Default)]
struct Request<'a> {
    from: Option<From>,
    /// Missing although `from` has been said where the member's set is missing.
    center: Option<Point>,
    /// What is searched, and the metres of its unit.
    outline: Option<(Outline, f64)>,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    any: bool,
    order: Option<Order>,
    count: Option<usize>,
    target: Option<&'a [u8]>,
    store_distance: bool,
}

impl<'a> Request<'a> {
    fn read(cx: &Cx<'_>, args: &Args<'a>, form: Form) -> Result<Request<'a>, Fault> {
        let mut request = Request::default();
        let source = args.key(form.source());
        let options_at = match form {
            Form::Radius { .. } => {
                request.center = Some(place(args.get(2), args.get(3))?);
                request.outline = Some(circle(args.get(4), args.get(5))?);
                6
            }
            Form::RadiusByMember { .. } => {
                // Where the set is missing, only the options are read: they say where the empty answer goes.
                if cx.seen(source).is_some() {
                    request.center = member(cx, source, args.get(2))?;
                    request.outline = Some(circle(args.get(3), args.get(4))?);
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => {
                request.target = Some(args.key(1));
                3
            }
        };
        let mut options = args.options(options_at);
        while let Some(word) = options.next() {
            request.take(cx, word, &mut options, source, form)?;
        }
        request.check(args.get(0), form)?;
        Ok(request)
    }

    /// Takes one option with its operands.
    fn take(&mut self, cx: &Cx<'_>, word: &[u8], options: &mut Options<'a>, source: &[u8], form: Form) -> Result<(), Fault> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("withdist") {
            self.with_distance = true;
        } else if is("withhash") {
            self.with_hash = true;
        } else if is("withcoord") {
            self.with_place = true;
        } else if is("any") {
            self.any = true;
        } else if is("asc") {
            self.order = Some(Order::Nearest);
        } else if is("desc") {
            self.order = Some(Order::Farthest);
        } else if is("count") && options.left() >= 1 {
            let count = usize::try_from(options.int()?).ok().filter(|&count| count > 0);
            self.count = Some(count.ok_or(Fault::Because(COUNT_TOO_SMALL))?);
        } else if (is("store") || is("storedist")) && options.left() >= 1 && form.has_store() {
            self.target = Some(options.operand()?);
            self.store_distance = is("storedist");
        } else if is("storedist") && form == Form::SearchStore {
            self.store_distance = true;
        } else if form.is_search() {
            self.take_shape(cx, word, options, source)?;
        } else {
            return Err(Fault::Syntax);
        }
        Ok(())
    }

    /// Takes what only GEOSEARCH has: where the centre is, and what is searched around it. A polygon has its own centre.
    fn take_shape(&mut self, cx: &Cx<'_>, word: &[u8], options: &mut Options<'a>, source: &[u8]) -> Result<(), Fault> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let (circle_said, box_said, polygon_said) = match &self.outline {
            None => (false, false, false),
            Some((outline, _)) => {
                (matches!(outline, Outline::Circle { .. }), matches!(outline, Outline::Box { .. }), matches!(outline, Outline::Polygon(_)))
            }
        };
        if is("frommember") && options.left() >= 1 && self.from != Some(From::Place) && !polygon_said {
            self.from = Some(From::Member);
            self.center = member(cx, source, options.operand()?)?;
        } else if is("fromlonlat") && options.left() >= 2 && self.from != Some(From::Member) && !polygon_said {
            self.from = Some(From::Place);
            self.center = Some(place(options.operand()?, options.operand()?)?);
        } else if is("byradius") && options.left() >= 2 && !box_said && !polygon_said {
            self.outline = Some(circle(options.operand()?, options.operand()?)?);
        } else if is("bybox") && options.left() >= 3 && !circle_said && !polygon_said {
            self.outline = Some(rectangle(options.operand()?, options.operand()?, options.operand()?)?);
        } else if is("bypolygon") && options.left() >= 2 && !circle_said && !box_said && self.from.is_none() {
            self.outline = Some((Outline::Polygon(corners(options)?), 1.0));
        } else {
            return Err(Fault::Syntax);
        }
        Ok(())
    }

    /// What does not go together. `name` is the command as the client spelt it.
    fn check(&self, name: &[u8], form: Form) -> Result<(), Fault> {
        let name = String::from_utf8_lossy(name);
        if self.target.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let who = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Fault::told(format!("ERR {who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")));
        }
        let is_polygon = matches!(self.outline, Some((Outline::Polygon(_), _)));
        if form.is_search() && self.from.is_none() && !is_polygon {
            return Err(Fault::told(format!("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}")));
        }
        if form.is_search() && self.outline.is_none() {
            return Err(Fault::told(format!("ERR exactly one of BYRADIUS and BYBOX can be specified for {name}")));
        }
        if self.any && self.count.is_none() {
            return Err(Fault::Because(ANY_ALONE));
        }
        Ok(())
    }

    /// What is searched, if its set is there.
    fn shape(&mut self) -> Option<Shape> {
        match (self.outline.take()?, self.center) {
            ((Outline::Polygon(corners), _), _) => Some(Shape::polygon(corners)),
            ((outline, meters), Some(center)) => Some(Shape { outline, center, meters }),
            (_, None) => None,
        }
    }
}

/// The place of a member of the set, which must have it; nothing if there is no set.
fn member(cx: &Cx<'_>, source: &[u8], member: &[u8]) -> Result<Option<Point>, Fault> {
    let Some(set) = cx.seen(source).and_then(Entry::get::<SortedSet>) else { return Ok(None) };
    set.score(member).map(|score| Some(point_of(score.get()))).ok_or(Fault::Because(NO_MEMBER))
}

fn length(word: &[u8], fault: &'static str) -> Result<f64, Fault> {
    number::parse_double(word).ok_or(Fault::Because(fault))
}

fn circle(radius: &[u8], unit_name: &[u8]) -> Result<(Outline, f64), Fault> {
    let radius = length(radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(Fault::Because("ERR radius cannot be negative"));
    }
    Ok((Outline::Circle { radius }, unit(unit_name)?))
}

fn rectangle(width: &[u8], height: &[u8], unit_name: &[u8]) -> Result<(Outline, f64), Fault> {
    let (width, height) = (length(width, "ERR need numeric width")?, length(height, "ERR need numeric height")?);
    if width < 0.0 || height < 0.0 {
        return Err(Fault::Because("ERR height or width cannot be negative"));
    }
    Ok((Outline::Box { width, height }, unit(unit_name)?))
}

/// The corners of a polygon: how many, then longitude and latitude of each.
fn corners(options: &mut Options<'_>) -> Result<Vec<Point>, Fault> {
    let count = number::parse_integer(options.operand()?).and_then(|count| i32::try_from(count).ok());
    let count = count.ok_or(Fault::Because(NO_CORNERS))?;
    let count =
        usize::try_from(count).ok().filter(|&count| count >= 3 && count <= options.left() / 2).ok_or(Fault::Because(FEW_CORNERS))?;
    if count > CORNERS_MAX {
        return Err(Fault::Because(MANY_CORNERS));
    }
    (0..count).map(|_| place(options.operand()?, options.operand()?)).collect()
}

/// A place that was found.
struct Found<'a> {
    member: &'a [u8],
    score: f64,
    point: Point,
    meters: f64,
}

/// All places within the shape, or the first so many that are come upon.
fn find<'a>(set: &'a SortedSet, shape: &Shape, limit: usize) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let bound = |score| Score::new(score).unwrap_or_default();
    for (from, to) in shape.cells().map(|cell| cell.scores()) {
        let ranks = set.ranks_by_score(Bound::Included(bound(from)), Bound::Excluded(bound(to)));
        for (member, score) in set.range(ranks, false) {
            if found.len() >= limit {
                return found;
            }
            let (score, point) = (score.get(), point_of(score.get()));
            if let Some(meters) = shape.distance(point) {
                found.push(Found { member, score, point, meters });
            }
        }
    }
    found
}

/// Leaves the nearest or farthest `count`, in that order.
fn sort(found: &mut Vec<Found<'_>>, order: Order, count: usize) {
    let compare = |a: &Found<'_>, b: &Found<'_>| match order {
        Order::Nearest => a.meters.total_cmp(&b.meters),
        Order::Farthest => b.meters.total_cmp(&a.meters),
    };
    if count < found.len() {
        found.select_nth_unstable_by(count, compare);
        found.truncate(count);
    }
    found.sort_by(compare);
}

fn run(cx: &mut Cx<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let source = args.key(form.source());
    cx.read_as::<SortedSet>(source)?;
    let mut request = Request::read(cx, args, form)?;
    let thresholds = cx.thresholds();
    let set = cx.seen(source).and_then(Entry::get::<SortedSet>);
    let (Some(set), Some(shape)) = (set, request.shape()) else {
        match request.target {
            Some(target) => store::keep(cx, target, SortedSet::new(), 0, form.stored(), reply),
            None => reply.array(0),
        }
        return Ok(());
    };
    let count = request.count.unwrap_or(usize::MAX);
    let mut found = find(set, &shape, if request.any { count } else { usize::MAX });
    // Of places in no order the first few would say little.
    let order = request.order.or((request.count.is_some() && !request.any).then_some(Order::Nearest));
    match order {
        Some(order) => sort(&mut found, order, count),
        None => found.truncate(count),
    }
    let Some(target) = request.target else {
        tell(&found, &request, shape.meters, reply);
        return Ok(());
    };
    let score = |place: &Found<'_>| if request.store_distance { place.meters / shape.meters } else { place.score };
    let mut pairs: Vec<(Score, &[u8])> = found.iter().map(|place| (Score::new(score(place)).unwrap_or_default(), place.member)).collect();
    pairs.sort_unstable();
    let longest = pairs.iter().map(|(_, member)| member.len()).max();
    let kept = SortedSet::from_ordered(pairs.iter().map(|&(score, member)| (member, score)), longest, thresholds);
    let changes = found.len() as u64;
    store::keep(cx, target, kept, changes, form.stored(), reply);
    Ok(())
}

fn tell(found: &[Found<'_>], request: &Request<'_>, meters: f64, reply: &mut Reply<'_>) {
    let details = usize::from(request.with_distance) + usize::from(request.with_hash) + usize::from(request.with_place);
    reply.array(found.len());
    for place in found {
        if details > 0 {
            reply.array(details + 1);
        }
        reply.bulk(place.member);
        if request.with_distance {
            write_distance(place.meters / meters, reply);
        }
        if request.with_hash {
            reply.integer(place.score as i64);
        }
        if request.with_place {
            write_place(place.point, reply);
        }
    }
}

pub(super) fn georadius(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::Radius { writes: true }, reply)
}

pub(super) fn georadius_ro(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::Radius { writes: false }, reply)
}

pub(super) fn georadiusbymember(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::RadiusByMember { writes: true }, reply)
}

pub(super) fn georadiusbymember_ro(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::RadiusByMember { writes: false }, reply)
}

pub(super) fn geosearch(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::Search, reply)
}

pub(super) fn geosearchstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, Form::SearchStore, reply)
}
