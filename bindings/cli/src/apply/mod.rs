//! `apply`: a folder of prompt files becomes versions. All of them are read and checked before one is written.

mod files;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trialplate::{ContentId, Error, Kind, Label, PromptName, Store};

use crate::args::{Global, store::Apply};
use crate::fail::{self, Failure, Result};
use crate::print::{self, Style};
use crate::verbs;
use files::File;

/// A checked file, and what the store knows of its content.
struct Plan {
    file: File,
    id: ContentId,
    /// The number of the version that holds this content already.
    there: Option<u64>,
}

pub(crate) fn run(a: Apply, global: &Global) -> Result<u8> {
    let dry_run = a.dry_run || a.check;
    let path = verbs::path(global)?;
    let label: Option<Label> = a.label.as_deref().map(str::parse).transpose()?;
    let found = files::read(&a.dir)?;
    for file in &found.skipped {
        print::note(&format!("skipped {file}: a prompt's file ends in .prompt, .txt, .md or .json"));
    }
    // A dry run and an empty folder make no file.
    let dry = dry_run || global.read_only;
    let store = match path.exists() {
        true => Some(verbs::open_at(global, &path, dry)?),
        false if dry || found.files.is_empty() => None,
        false => Some(verbs::open_at(global, &path, false)?),
    };
    let mut plans = Vec::new();
    for file in found.files {
        plans.push(plan(store.as_ref(), file)?);
    }
    if let (Some(label), Some(store)) = (&label, &store) {
        unprotected(store, &plans, label)?;
    }
    if global.read_only && !dry_run && !plans.is_empty() {
        return Err(Error::ReadOnly { path: path.display().to_string() }.into());
    }

    let (mut created, mut unchanged) = (Vec::new(), Vec::new());
    for plan in &plans {
        let version = match &store {
            Some(store) if !dry_run => publish(store, plan, label.as_ref())?,
            _ => json!(plan.there),
        };
        let entry =
            json!({"name": plan.file.name, "version": version, "id": plan.id, "file": plan.file.shown});
        if plan.there.is_some() { unchanged.push(entry) } else { created.push(entry) }
    }
    if let Some(store) = store {
        store.close()?;
    }
    let result = json!({"created": &created, "unchanged": unchanged, "label": label, "dry_run": dry_run});
    print::out(&if global.json { format!("{result}\n") } else { text(&result, &Style::of_stdout()) })?;
    if a.check && !created.is_empty() {
        print::note(&format!(
            "not all is published; publish it with: trialplate apply {}",
            print::quoted(&json!(a.dir))
        ));
        return Ok(fail::UNPUBLISHED);
    }
    Ok(0)
}

/// The core's opinion of a file, without writing anything.
fn plan(store: Option<&Store>, file: File) -> Result<Plan> {
    let refused = |error: Error| file.refuse(1, &error.to_string());
    file.name.parse::<PromptName>().map_err(refused)?;
    let id = Store::content_id(file.content.clone()).map_err(refused)?;
    let there = match store {
        None => None,
        Some(store) => match verbs::of(store, "get", &json!({"name": file.name, "id": id})) {
            Ok(version) => version["number"].as_u64(),
            Err(Failure::Core(error)) if error.kind() == Kind::NotFound => None,
            Err(failure) => return Err(failure),
        },
    };
    Ok(Plan { file, id, there })
}

/// Refuses a label that only `promote` moves before anything is written.
fn unprotected(store: &Store, plans: &[Plan], label: &Label) -> Result<()> {
    let prompts = verbs::of(store, "prompts", &json!({}))?;
    let known: BTreeMap<&str, &Value> =
        print::each(&prompts["prompts"]).filter_map(|p| Some((p["name"].as_str()?, p))).collect();
    for plan in plans {
        let Some(prompt) = known.get(plan.file.name.as_str()) else { continue };
        let protected = print::each(&prompt["protected"]).any(|l| l == label.as_str());
        if protected && prompt["labels"][label.as_str()].as_u64() != plan.there {
            let (prompt, label) = (plan.file.name.clone(), label.to_string());
            return Err(Error::LabelProtected { prompt, label }.into());
        }
    }
    Ok(())
}

/// Publishes what is new and moves the label; gives the version's number.
fn publish(store: &Store, plan: &Plan, label: Option<&Label>) -> Result<Value> {
    if let Some(number) = plan.there {
        if let Some(label) = label {
            let mut at = json!({"name": plan.file.name, "label": label});
            let now = match verbs::of(store, "get", &at) {
                Ok(version) => version["number"].as_u64(),
                Err(Failure::Core(error)) if error.kind() == Kind::NotFound => None,
                Err(failure) => return Err(failure),
            };
            if now != Some(number) {
                at["version"] = number.into();
                at["reason"] = plan.file.message().into();
                verbs::of(store, "set_label", &at)?;
            }
        }
        return Ok(number.into());
    }
    let mut arguments = plan.file.arguments.clone();
    arguments.insert("name".to_owned(), plan.file.name.as_str().into());
    arguments.insert("labels".to_owned(), json!(label.into_iter().collect::<Vec<_>>()));
    Ok(verbs::of(store, "publish", &arguments.into())?["number"].take())
}

fn text(result: &Value, style: &Style) -> String {
    let would = if result["dry_run"] == true { "would be " } else { "" };
    let line = |what: &str, entry: &Value| {
        let version = entry["version"].as_u64().map(|n| format!(" version {n}")).unwrap_or_default();
        format!(
            "{what}  {}{version} {}\n",
            print::text(&entry["name"]),
            style.faint(&print::short(&entry["id"]))
        )
    };
    let mut out = String::new();
    for entry in print::each(&result["created"]) {
        out.push_str(&line(&style.good("created  "), entry));
    }
    for entry in print::each(&result["unchanged"]) {
        out.push_str(&line("unchanged", entry));
    }
    let length = |list: &str| result[list].as_array().map_or(0, Vec::len);
    let label = result["label"].as_str().filter(|_| !out.is_empty());
    let label = label.map(|label| format!("; {would}labelled {label}")).unwrap_or_default();
    out + &format!("{} {would}created, {} unchanged{label}\n", length("created"), length("unchanged"))
}
