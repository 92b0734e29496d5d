//! Sorts what std has by what green has of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::compiler::{Compiler, Subject};
use super::inventory::{Inventory, Item, Member, Module};
use super::probe::{self, Probe};

/// What the compiler says of what std's documentation lists as stable and is not: an impl of a trait that is unstable.
const UNSTABLE: &str = "use of unstable library feature";

/// What green has of std.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// One row for each module of std that this platform has, in std's order.
    pub(super) rows: Vec<Row>,
    /// Everything that green lacks, as the probes call it.
    pub(super) absent: BTreeSet<String>,
    /// What the compiler says of each absence.
    messages: BTreeMap<String, String>,
    /// What std should have and does not pass, so that green was not asked: the probe is no good.
    unasked: BTreeMap<String, String>,
}

/// What green has of one module.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) path: String,
    /// Whether the module as a whole is std's own.
    pub(super) whole: bool,
    /// Items of green's own, each with the number of its members that were found.
    pub(super) mirrored: Vec<(String, usize)>,
    pub(super) reexported: Vec<String>,
    pub(super) absent: Vec<String>,
}

impl Survey {
    /// Asks everything, and says what it is at.
    pub(super) fn take(
        inventory: &Inventory,
        compiler: &Compiler,
        green: PathBuf,
        say: impl Fn(&str),
    ) -> anyhow::Result<Self> {
        let mut survey = Self::default();
        let green = Subject::Green(green);
        let items = || inventory.modules.iter().flat_map(|module| module.items.iter().map(move |item| (module, item)));

        say("asking for names");
        let names: Vec<Probe> = items().map(|(module, item)| probe::existence(module, item)).collect();
        let names = survey.asked(compiler, names)?;
        let lacking = survey.lacking(compiler, &green, &names)?;
        let there: BTreeSet<&str> =
            names.iter().map(|probe| probe.label.as_str()).filter(|label| !lacking.contains(*label)).collect();

        say("asking what is std's own");
        let mut same: Vec<Probe> = items()
            .filter(|(module, item)| item.kind != "derive" && there.contains(module.path_of(&item.name).as_str()))
            .map(|(module, item)| probe::sameness(module, item))
            .collect();
        let bodies: Vec<&str> = same.iter().map(|probe| probe.forms[0].as_str()).collect();
        let different = compiler.failures(&green, &bodies)?;
        let mut index = 0;
        same.retain(|_| (!different.contains_key(&index), index += 1).0);
        let same: BTreeSet<&str> = same.iter().map(|probe| probe.label.as_str()).collect();

        say("asking for methods and impls");
        let mirrored: Vec<String> =
            there.iter().filter(|path| !same.contains(*path)).map(|path| format!("@{path}")).collect();
        let absent: Vec<String> = lacking.iter().map(|path| format!("@{path}")).collect();
        let mut members = Vec::new();
        for (module, item) in items() {
            let path = module.path_of(&item.name);
            if there.contains(path.as_str()) {
                let item = restricted(item, same.contains(path.as_str()), &mirrored, &absent);
                members.extend(probe::members(module, &item));
            }
        }
        let mut seen = BTreeSet::new();
        members.retain(|probe| seen.insert((probe.label.clone(), probe.forms.clone())));
        let members = survey.asked(compiler, members)?;
        let lacking_members = survey.lacking(compiler, &green, &members)?;

        for module in &inventory.modules {
            survey.rows.extend(row(module, &there, &same, &lacking, &members, &lacking_members));
        }
        survey.absent = survey.rows.iter().flat_map(|row| row.absent.iter().cloned()).collect();
        Ok(survey)
    }

    /// Keeps the probes that std passes, each with the first form of which that is true.
    fn asked(&mut self, compiler: &Compiler, probes: Vec<Probe>) -> anyhow::Result<Vec<Probe>> {
        let mut good: Vec<Option<Probe>> = probes.iter().map(|_| None).collect();
        let mut left: Vec<(usize, &Probe)> = probes.iter().enumerate().collect();
        let mut form = 0;
        while !left.is_empty() {
            let bodies: Vec<&str> =
                left.iter().map(|(_, probe)| probe.forms.get(form).map_or("", String::as_str)).collect();
            let failures = compiler.failures(&Subject::Std, &bodies)?;
            let mut failed = Vec::new();
            for (at, (index, probe)) in left.into_iter().enumerate() {
                let failure = failures.get(&at);
                if probe.forms.get(form).is_some() && failure.is_none() {
                    let forms = vec![probe.forms[form].clone()];
                    good[index] = Some(Probe { forms, ..probe.clone() });
                } else if form + 1 < probe.forms.len() {
                    failed.push((index, probe));
                } else {
                    let message = failure.map_or("no form of the probe could be written", String::as_str);
                    if !message.contains(UNSTABLE) {
                        self.unasked.insert(probe.label.clone(), message.to_owned());
                    }
                }
            }
            left = failed;
            form += 1;
        }
        Ok(good.into_iter().flatten().collect())
    }

    /// Returns the labels of the probes that green does not pass.
    fn lacking(&mut self, compiler: &Compiler, green: &Subject, probes: &[Probe]) -> anyhow::Result<BTreeSet<String>> {
        let bodies: Vec<&str> = probes.iter().map(|probe| probe.forms[0].as_str()).collect();
        let failures = compiler.failures(green, &bodies)?;
        let labels = failures.into_iter().map(|(index, message)| (probes[index].label.clone(), message));
        let labels: Vec<(String, String)> = labels.collect();
        self.messages.extend(labels.iter().cloned());
        Ok(labels.into_iter().map(|(label, _)| label).collect())
    }

    /// Returns the counts in one line.
    pub(super) fn counts(&self) -> String {
        let sum = |of: fn(&Row) -> usize| self.rows.iter().map(of).sum::<usize>();
        let items = sum(|row| row.mirrored.len());
        let members = sum(|row| row.mirrored.iter().map(|(_, members)| members).sum());
        let own = sum(|row| row.reexported.len());
        format!("{items} items mirrored with {members} members, {own} re-exported, {} absent", self.absent.len())
    }

    /// Returns what is to be said of probes that std does not pass, or nothing.
    pub(super) fn complaints(&self) -> String {
        let line =
            |(label, message): (&String, &String)| format!("std does not pass the probe of {label}: {message}\n");
        self.unasked.iter().map(line).collect()
    }

    /// Returns what the compiler said, for whoever looks into an absence.
    pub(super) fn notes(&self) -> String {
        let mut notes = String::new();
        for (label, message) in self.messages.iter().filter(|(label, _)| self.absent.contains(*label)) {
            let _ = writeln!(notes, "absent: {label}\n    {message}");
        }
        notes
    }
}

/// Returns an item with the members to ask for: all of a mirrored one; of one that is std's own, the impls that a
/// mirrored type takes part in. What takes part in an absent item is absent with it.
fn restricted(item: &Item, same: bool, mirrored: &[String], absent: &[String]) -> Item {
    let mut item = item.clone();
    item.members.retain(|member| {
        let text = match member {
            Member::Impl(text) | Member::Auto(text) | Member::Type { of: text, .. } => text,
            _ => return !same,
        };
        (!same || mentions(text, mirrored)) && !mentions(text, absent)
    });
    item
}

/// Returns whether a text has one of these paths in it.
fn mentions(text: &str, paths: &[String]) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == ':');
    paths.iter().any(|path| text.match_indices(path.as_str()).any(|(at, _)| ends(&text[at + path.len()..])))
}

fn row(
    module: &Module,
    there: &BTreeSet<&str>,
    same: &BTreeSet<&str>,
    lacking: &BTreeSet<String>,
    members: &[Probe],
    lacking_members: &BTreeSet<String>,
) -> Option<Row> {
    // What stands in an absent module is absent with it.
    let mut ancestors = module.path.match_indices("::").map(|(at, _)| &module.path[..at]).chain([module.path.as_str()]);
    if ancestors.any(|path| !path.is_empty() && !there.contains(path)) {
        return None;
    }
    let mut row = Row { path: module.path.clone(), whole: same.contains(module.path.as_str()), ..Row::default() };
    for item in &module.items {
        let path = module.path_of(&item.name);
        let (found, gone): (Vec<&Probe>, Vec<&Probe>) = members
            .iter()
            .filter(|probe| probe.item == path)
            .partition(|probe| !lacking_members.contains(&probe.label));
        if same.contains(path.as_str()) || (item.kind == "derive" && there.contains(path.as_str())) {
            row.reexported.push(item.name.clone());
        } else if there.contains(path.as_str()) {
            // A module that is green's is told by its own row.
            if item.kind != "mod" {
                row.mirrored.push((item.name.clone(), found.len()));
            }
        } else if lacking.contains(&path) {
            row.absent.push(path.clone());
        }
        row.absent.extend(gone.into_iter().map(|probe| probe.label.clone()));
    }
    row.absent.dedup();
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_as_a_whole() {
        fn check(text: &str, expected: bool) {
            assert_eq!(mentions(text, &["@fs::File".to_owned()]), expected, "{text}");
        }
        check("impl @io::Read for @fs::File", true);
        check("impl @io::Read for @sync::Arc<@fs::File>", true);
        check("impl @fmt::Debug for @fs::FileType", false);
        check("impl @fmt::Debug for @fs::File::Inner", false);
    }

    #[test]
    fn an_item_of_stds_own_is_asked_for_impls_with_ours() {
        let of = "impl A".to_owned();
        let members = vec![
            Member::Method { of, signature: "fn f()".to_owned() },
            Member::Impl("impl From<@fs::File> for @os::fd::OwnedFd".to_owned()),
            Member::Impl("impl Debug for @os::fd::OwnedFd".to_owned()),
            Member::Impl("impl From<@fs::File> for @process::Stdio".to_owned()),
        ];
        let item = Item { kind: "struct".to_owned(), name: "OwnedFd".to_owned(), members };
        let (file, stdio) = (["@fs::File".to_owned()], ["@process::Stdio".to_owned()]);
        assert_eq!(restricted(&item, true, &file, &stdio).members, item.members[1..2]);
        assert_eq!(restricted(&item, false, &file, &[]).members, item.members);
    }
}
