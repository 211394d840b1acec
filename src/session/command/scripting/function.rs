//! FUNCTION LOAD, DELETE, LIST, STATS, KILL, FLUSH, DUMP, RESTORE: libraries of functions.

use crate::command::{Args, Fault};
use crate::glob::Pattern;
use crate::rdb;
use crate::resp::Reply;
use crate::script::{Libraries, Policy};
use crate::session::Session;
use crate::session::admit::misused;
use crate::time::UnixMillis;

pub(super) fn load(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let code_at = args.len() - 1;
    let mut policy = Policy::Append;
    for at in 2..code_at {
        if !args.is(at, "replace") {
            return Err(Fault::told(format!("ERR Unknown option given: {}", String::from_utf8_lossy(args.get(at)))));
        }
        policy = Policy::Replace;
    }
    let engine = &session.local.scripts;
    let known = engine.libraries();
    let library = engine.read_library(args.get(code_at), |name| policy == Policy::Append && known.knows(name))?;
    engine.change_libraries(|libraries| libraries.add(vec![library.clone()], policy))?;
    reply.bulk(library.name.as_bytes());
    Ok(())
}

pub(super) fn delete(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let remove =
        |libraries: &mut Libraries| if libraries.remove(args.get(2)) { Ok(()) } else { Err(Fault::Because("ERR Library not found")) };
    session.local.scripts.change_libraries(remove)?;
    reply.ok();
    Ok(())
}

pub(super) fn list(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (mut with_code, mut pattern) = (false, None);
    let mut options = args.options(2);
    while let Some(option) = options.next() {
        if !with_code && option.eq_ignore_ascii_case(b"withcode") {
            with_code = true;
        } else if pattern.is_none() && option.eq_ignore_ascii_case(b"libraryname") {
            let name = options.next().ok_or(Fault::Because("ERR library name argument was not given"))?;
            pattern = Some(Pattern::new(name, true));
        } else {
            return Err(Fault::told(format!("ERR Unknown argument {}", String::from_utf8_lossy(option))));
        }
    }
    let libraries = session.local.scripts.libraries();
    let wanted = |name: &str| pattern.as_ref().is_none_or(|pattern| pattern.matches(name.as_bytes()));
    let all: Vec<_> = libraries.all().filter(|library| wanted(&library.name)).collect();
    reply.array(all.len());
    for library in all {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(library.name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"description");
            match &function.description {
                Some(description) => reply.bulk(description),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|flag| reply.simple(flag));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(())
}

pub(super) fn stats(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.map(2);
    reply.bulk(b"running_script");
    match session.local.board.scripts.watchdog.running() {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"command");
            reply.array(2);
            reply.bulk(if running.is_function { b"fcall" } else { b"evalsha" });
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"duration_ms");
            reply.integer(i64::try_from(UnixMillis::now().since(running.since)).unwrap_or(i64::MAX));
        }
    }
    let libraries = session.local.scripts.libraries();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(i64::try_from(libraries.all().len()).unwrap_or(i64::MAX));
    reply.bulk(b"functions_count");
    reply.integer(i64::try_from(libraries.functions()).unwrap_or(i64::MAX));
    Ok(())
}

pub(super) fn kill(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    super::script::end_running(session, true, reply)
}

pub(super) fn flush(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 3 {
        return Err(misused(args));
    }
    if args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async") {
        return Err(Fault::Because("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    session.local.scripts.change_libraries(|libraries| libraries.add(Vec::new(), Policy::Flush))?;
    reply.ok();
    Ok(())
}

pub(super) fn dump(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let libraries = session.local.scripts.libraries();
    reply.bulk(&rdb::dump_functions(libraries.all().map(|library| &*library.code)));
    Ok(())
}

pub(super) fn restore(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 4 {
        return Err(misused(args));
    }
    let policy = match () {
        () if args.len() == 3 || args.is(3, "append") => Policy::Append,
        () if args.is(3, "replace") => Policy::Replace,
        () if args.is(3, "flush") => Policy::Flush,
        () => return Err(Fault::Because("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")),
    };
    let codes = rdb::restore_functions(args.get(2)).map_err(|refused| match refused {
        rdb::Refused::Envelope => Fault::Because("ERR DUMP payload version or checksum are wrong"),
        rdb::Refused::Body(_) => Fault::Because("ERR given type is not a function"),
    })?;
    let engine = &session.local.scripts;
    let libraries = codes.iter().map(|code| engine.read_library(code, |_| false)).collect::<Result<Vec<_>, _>>()?;
    engine.change_libraries(|all| all.add(libraries, policy))?;
    reply.ok();
    Ok(())
}
