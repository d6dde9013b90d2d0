//! The printed matrix: a row for each stack, a column for each scenario.

use std::fmt;

use crate::{cell::Verdict, scenarios::SCENARIOS, stacks::STACKS};

const FIRST_COLUMN_WIDTH: usize = 30;
const COLUMN_WIDTH: usize = 11;

pub(crate) struct Table<'a> {
    pub(crate) verdicts: &'a [Verdict],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:FIRST_COLUMN_WIDTH$}", "entries recorded")?;
        SCENARIOS.iter().try_for_each(|scenario| write!(f, "{:>COLUMN_WIDTH$}", scenario.name))?;
        writeln!(f)?;
        for stack in STACKS {
            let row: Vec<_> =
                self.verdicts.iter().filter(|verdict| verdict.cell.stack.name == stack.name).collect();
            if row.is_empty() {
                continue;
            }
            write!(f, "{:FIRST_COLUMN_WIDTH$}", stack.name)?;
            for scenario in SCENARIOS {
                let verdict = row.iter().find(|verdict| verdict.cell.scenario.name == scenario.name);
                let shown = verdict.map_or_else(|| "-".to_owned(), |verdict| shown(verdict));
                write!(f, "{shown:>COLUMN_WIDTH$}")?;
            }
            writeln!(f)?;
        }
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.is_good()) {
            writeln!(f, "\n{}:", verdict.cell.name())?;
            verdict.problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))?;
        }
        let sum = |count: fn(&Verdict) -> u64| self.verdicts.iter().map(count).sum::<u64>();
        writeln!(
            f,
            "\n{} cells, {} entries: {} lost, {} doubled, {} withheld from other layers, {} hung, {} with other \
             problems",
            self.verdicts.len(),
            sum(|verdict| verdict.recorded as u64),
            sum(|verdict| verdict.lost as u64),
            sum(|verdict| verdict.doubled as u64),
            sum(|verdict| verdict.silenced),
            sum(|verdict| u64::from(verdict.hung)),
            sum(|verdict| u64::from(!verdict.problems.is_empty())),
        )
    }
}

fn shown(verdict: &Verdict) -> String {
    let mut wrong = Vec::new();
    if verdict.hung {
        wrong.push("hung".to_owned());
    }
    for (count, name) in
        [(verdict.lost as u64, "lost"), (verdict.doubled as u64, "double"), (verdict.silenced, "hidden")]
    {
        if count > 0 {
            wrong.push(format!("{count} {name}"));
        }
    }
    if verdict.is_good() {
        verdict.recorded.to_string()
    } else if wrong.is_empty() {
        "WRONG".to_owned()
    } else {
        wrong.join(" ")
    }
}
