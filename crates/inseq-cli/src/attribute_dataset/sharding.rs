//! The shard of this process: from a flag, or from what a scheduler says.

use inseq_datasets::Shard;

use super::arguments::RunArguments;
use crate::failure::Failure;

/// A shard, and where its number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    /// The shard.
    pub shard: Shard,
    /// Flag or variable.
    pub origin: &'static str,
}

const TASK: &str = "SLURM_ARRAY_TASK_ID";
const COUNT: &str = "SLURM_ARRAY_TASK_COUNT";
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// The shard of this process, if it has one. `variable` reads a variable of the environment.
pub fn sharding(
    arguments: &RunArguments,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Sharding>, Failure> {
    if let Some(shard) = arguments.shard {
        return Ok(Some(Sharding { shard, origin: "--shard" }));
    }
    let (task, index) = (number(TASK, variable)?, number(INDEX, variable)?);
    let found = match (arguments.shards, task, index) {
        (Some(0), _, _) => Err("--shards is 0; it must be at least 1".to_owned()),
        // Whatever the first task of an array is, tasks that follow each other have different shards.
        (Some(count), Some(task), _) => Shard::new(task % count, count).map(|shard| Some((shard, TASK))),
        (Some(count), None, Some(index)) => Shard::new(index, count)
            .map(|shard| Some((shard, INDEX)))
            .map_err(|problem| format!("{INDEX} is {index}, and --shards is {count}: {problem}")),
        (Some(count), None, None) => Err(format!(
            "--shards {count} needs the number of this shard in {TASK} or {INDEX}, and neither is set; name the shard with --shard \
             0/{count}"
        )),
        (None, Some(task), _) => of_array(task, variable)?,
        // A job whose number of completions is unknown.
        (None, None, _) => Ok(None),
    };
    let found = found.map_err(Failure::Argument)?;
    Ok(found.map(|(shard, origin)| Sharding { shard, origin }))
}

/// The task that this process is, if a scheduler runs several: in words, and the variable that says so.
pub fn one_of_several(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<(String, &'static str)>, Failure> {
    if let Some(task) = number(TASK, variable)? {
        return Ok(match number(COUNT, variable)? {
            Some(1) => None,
            Some(count) => Some((format!("task {task} of a Slurm array of {count}"), TASK)),
            None => Some((format!("task {task} of a Slurm array"), TASK)),
        });
    }
    // The first pod of a job may be its only one. The others leave its file alone.
    let index = number(INDEX, variable)?.filter(|index| *index > 0);
    Ok(index.map(|index| (format!("pod {index} of an indexed job"), INDEX)))
}

type Found = Result<Option<(Shard, &'static str)>, String>;

/// The shard of a task of a Slurm array without gaps.
fn of_array(task: u64, variable: &dyn Fn(&str) -> Option<String>) -> Result<Found, Failure> {
    let of = |name| number(name, variable);
    let (first, last) = (of("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0), of("SLURM_ARRAY_TASK_MAX")?);
    let step = of("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let Some(count) = of(COUNT)? else {
        return Ok(Err(format!("{TASK} is {task}, but {COUNT} is not set; give the number of shards with --shards")));
    };
    let offset = task.saturating_sub(first);
    let has_gaps = last.is_some_and(|last| last.saturating_sub(first) / step + 1 != count);
    if task < first || offset % step != 0 || offset / step >= count || has_gaps {
        return Ok(Err(format!(
            "task {task} of this Slurm array of {count} is no shard of {count}, because the array has gaps; give the number of \
             shards of the whole run with --shards"
        )));
    }
    Ok(Shard::new(offset / step, count).map(|shard| Some((shard, TASK))))
}

fn number(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<u64>, Failure> {
    let Some(text) = variable(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Failure::Argument(format!("{name} is `{text}`; expected a number, counted from 0"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArguments,
    }

    fn found(line: &[&str], variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let line = Line::try_parse_from([&["x"], line].concat()).map_err(|error| error.to_string())?;
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let found = sharding(&line.run, &variable).map_err(|failure| failure.to_string())?;
        Ok(found.map(|found| format!("{} {}", found.shard, found.origin)))
    }

    #[test]
    fn a_shard_comes_from_a_flag_or_a_scheduler() {
        let slurm = |task, first, last, count, step| {
            [
                ("SLURM_ARRAY_TASK_ID", task),
                ("SLURM_ARRAY_TASK_MIN", first),
                ("SLURM_ARRAY_TASK_MAX", last),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_STEP", step),
            ]
        };
        let said = |shard: &str, origin: &str| Ok(Some(format!("{shard} {origin}")));
        assert_eq!(found(&[], &[]), Ok(None));
        assert_eq!(found(&["--shard", "2/3"], &slurm("0", "0", "9", "10", "1")), said("2/3", "--shard"));
        // sbatch --array=0-9, 1-10, and 0-18:2.
        assert_eq!(found(&[], &slurm("3", "0", "9", "10", "1")), said("3/10", TASK));
        assert_eq!(found(&[], &slurm("10", "1", "10", "10", "1")), said("9/10", TASK));
        assert_eq!(found(&[], &slurm("18", "0", "18", "10", "2")), said("9/10", TASK));
        // Tasks 3 and 7 of ten, started again.
        assert!(found(&[], &slurm("7", "3", "7", "2", "1")).unwrap_err().contains("has gaps"));
        assert_eq!(found(&["--shards", "10"], &slurm("7", "3", "7", "2", "1")), said("7/10", TASK));
        assert_eq!(found(&["--shards", "10"], &slurm("10", "1", "10", "10", "1")), said("0/10", TASK));
        assert_eq!(found(&["--shards", "4"], &[(INDEX, "3")]), said("3/4", INDEX));
        assert_eq!(found(&[], &[(INDEX, "3")]), Ok(None));
    }

    #[test]
    fn a_shard_that_is_not_there_is_an_error() {
        for (line, variables, expected) in [
            (&["--shard", "3/3"][..], &[][..], "shards count from 0, so the last one is 2/3"),
            (&["--shard", "0/0"], &[], "must be at least 1"),
            (&["--shard", "one"], &[], "such as 0/8"),
            (&["--shards", "4"], &[], "neither is set"),
            (&["--shards", "0"], &[(INDEX, "0")], "at least 1"),
            (&["--shards", "4"], &[(INDEX, "4")], "JOB_COMPLETION_INDEX is 4, and --shards is 4"),
            (&["--shards", "4"], &[(INDEX, "x")], "JOB_COMPLETION_INDEX is `x`"),
            (&[], &[(TASK, "3")], "SLURM_ARRAY_TASK_COUNT is not set"),
            (&["--shard", "0/2", "--shards", "2"], &[], "cannot be used with"),
        ] {
            let error = found(line, variables).unwrap_err();
            assert!(error.contains(expected), "{line:?} {variables:?}: {error}");
        }
    }
}
