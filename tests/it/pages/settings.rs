//! `infra/docs/settings.md` is generated from `shared/src/config/table.rs` and `template.yaml`.
//!
//! `PINBRIDGE_WRITE=1 cargo test --workspace --test it pages::settings` writes the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pinbridge_shared::config::table::{GROUPS, Setting};

const PAGE_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/docs/settings.md");
const TEMPLATE: &str = include_str!("../../../template.yaml");
const LINE_MAX: usize = 120;
const INTRO: &str = "\
<!-- Generated: PINBRIDGE_WRITE=1 cargo test --workspace --test it pages::settings -->
# Settings

Each setting has up to two names: the parameter of `template.yaml`, which `sam deploy` asks for, and the environment
variable that the functions, `operator` and `cargo run` read. A process refuses to start on a value that is malformed
or contradicts another; the message names the variable. `shared/src/config.rs` reads the variables, and
`shared/src/config/table.rs` describes them.
";
const TEMPLATE_ONLY: &str = "\
## Parameters without a variable

These configure AWS resources. No process reads them.
";

/// A parameter of the template.
struct Parameter {
    name: &'static str,
    default: &'static str,
    description: String,
}

fn parameters() -> Vec<Parameter> {
    let (_, rest) = TEMPLATE.split_once("\nParameters:\n").expect("parameters");
    let (section, _) = rest.split_once("\nConditions:\n").expect("conditions after the parameters");
    let is_name = |line: &str| line.starts_with("  ") && !line[2..].starts_with([' ', '#']) && line.ends_with(':');
    let names = section.lines().filter(|line| is_name(line)).map(|line| line.trim().trim_end_matches(':'));
    names.map(|name| parameter(name, section)).collect()
}

fn parameter(name: &'static str, section: &'static str) -> Parameter {
    let start = section.find(&format!("  {name}:\n")).expect("a parameter");
    let body: Vec<&'static str> =
        section[start..].lines().skip(1).take_while(|line| line.starts_with("    ")).collect();
    let default = body.iter().find_map(|line| line.trim().strip_prefix("Default: ")).unwrap_or_default();
    let described = body.iter().position(|line| line.trim().starts_with("Description:")).expect("a description");
    let text = body[described..].iter().map(|line| line.trim().trim_start_matches("Description:").trim());
    let description = text.filter(|line| *line != ">-").collect::<Vec<_>>().join(" ");
    Parameter { name, default: default.trim_matches('"'), description: description.trim().to_owned() }
}

fn page() -> String {
    let parameters = parameters();
    let mut page = String::from(INTRO);
    for group in GROUPS {
        write!(page, "\n## {}\n\n", group.title).expect("writes");
        for setting in group.settings {
            let parameter = parameters.iter().find(|parameter| Some(parameter.name) == setting.parameter);
            item(&mut page, &names(setting, parameter), setting.meaning);
        }
    }
    write!(page, "\n{TEMPLATE_ONLY}\n").expect("writes");
    let known: BTreeSet<&str> = settings().filter_map(|setting| setting.parameter).collect();
    for parameter in parameters.iter().filter(|parameter| !known.contains(parameter.name)) {
        let names = format!("**`{}`**, default {}", parameter.name, value(Some(parameter.default)));
        item(&mut page, &names, &parameter.description);
    }
    page
}

/// What a setting is called, and its default: the template's where there is one, and the code's where it differs.
fn names(setting: &Setting, parameter: Option<&Parameter>) -> String {
    let code = value(setting.default);
    let Some(Parameter { name, default, .. }) = parameter else {
        return match setting.default {
            Some(_) => format!("**`{}`**, default {code}", setting.variable),
            None => format!("**`{}`**, required", setting.variable),
        };
    };
    let template = value(Some(default));
    let default = if template == code { code } else { format!("{template}, of the variable {code}") };
    format!("**`{name}`**, `{}`, default {default}", setting.variable)
}

fn value(default: Option<&str>) -> String {
    match default {
        None | Some("") => "none".into(),
        Some(default) => format!("`{default}`"),
    }
}

/// A list item, broken into lines.
fn item(page: &mut String, names: &str, meaning: &str) {
    let mut line = String::from("-");
    for word in format!("{names}. {meaning}").split(' ') {
        if line.chars().count() + 1 + word.chars().count() > LINE_MAX {
            writeln!(page, "{line}").expect("writes");
            line = String::from(" ");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(page, "{line}").expect("writes");
}

fn settings() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|group| group.settings)
}

#[test]
fn the_page_is_what_the_code_says() {
    let page = page();
    if std::env::var_os("PINBRIDGE_WRITE").is_some() {
        std::fs::write(PAGE_PATH, &page).expect("infra/docs/settings.md is writable");
    }
    let committed = std::fs::read_to_string(PAGE_PATH).expect("infra/docs/settings.md");
    assert!(committed == page, "infra/docs/settings.md is out of date; its first line says how it is written");
}

#[test]
fn the_template_sets_every_variable_from_its_parameter() {
    for setting in settings() {
        let (_, set) = TEMPLATE.split_once(&format!("\n        {}: ", setting.variable)).expect(setting.variable);
        let set = set.lines().next().unwrap_or_default();
        if let Some(parameter) = setting.parameter {
            assert!(set.contains(parameter), "{}: {set}", setting.variable);
        }
    }
    let described: BTreeSet<&str> = settings().map(|setting| setting.variable).collect();
    let (_, variables) = TEMPLATE.split_once("\n      Variables:\n").expect("variables");
    for line in variables.lines().take_while(|line| line.starts_with("        PINBRIDGE_")) {
        let variable = line.trim().split(':').next().unwrap_or_default();
        assert!(described.contains(variable), "{variable} is not in shared/src/config/table.rs");
    }
}
