//! What CI systems and Git say about where an upload comes from, and the name that makes repeating it harmless.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::{Command, Stdio};

use super::files::LocalFile;
use crate::host::Env;
use crate::http::encoded;

/// Where an upload comes from; what is unknown is absent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Names this run of this job; absent outside CI.
    pub job: Option<String>,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub build_label: Option<String>,
    pub build_url: Option<String>,
}

impl Origin {
    /// Recognises the CI system that `env` comes from.
    pub fn from_ci(env: &Env) -> Option<Self> {
        [github, gitlab, jenkins, circleci, azure].into_iter().find_map(|system| system(env))
    }

    /// Asks Git about the current folder; without Git or a repository there is just less to tell.
    pub fn from_git() -> Self {
        Self {
            branch: git(&["rev-parse", "--abbrev-ref", "HEAD"]).filter(|branch| branch != "HEAD"),
            commit: git(&["rev-parse", "HEAD"]),
            ..Self::default()
        }
    }
}

fn github(env: &Env) -> Option<Origin> {
    env.get("GITHUB_ACTIONS")?;
    let names_branch = env.get("GITHUB_REF_TYPE") != Some("tag");
    let branch = env.get("GITHUB_HEAD_REF").or_else(|| env.get("GITHUB_REF_NAME").filter(|_| names_branch));
    let page =
        |run| Some(format!("{}/{}/actions/runs/{run}", env.get("GITHUB_SERVER_URL")?, env.get("GITHUB_REPOSITORY")?));
    Some(Origin {
        // The legs of a matrix share all but the runner.
        job: joined(env, &["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME"], 3),
        branch: branch.map(ToOwned::to_owned),
        commit: owned(env, "GITHUB_SHA"),
        build_label: label(env, "GITHUB_WORKFLOW", "GITHUB_RUN_NUMBER"),
        build_url: env.get("GITHUB_RUN_ID").and_then(page),
    })
}

fn gitlab(env: &Env) -> Option<Origin> {
    env.get("GITLAB_CI")?;
    Some(Origin {
        job: joined(env, &["CI_JOB_ID"], 1),
        branch: owned(env, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME").or_else(|| owned(env, "CI_COMMIT_BRANCH")),
        commit: owned(env, "CI_COMMIT_SHA"),
        build_label: label(env, "CI_JOB_NAME", "CI_PIPELINE_IID"),
        build_url: owned(env, "CI_JOB_URL"),
    })
}

fn jenkins(env: &Env) -> Option<Origin> {
    let build = env.get("BUILD_TAG").filter(|_| env.get("JENKINS_URL").is_some())?;
    let branch = ["CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"].into_iter().find_map(|name| env.get(name));
    Some(Origin {
        job: Some(build.to_owned()),
        branch: branch.map(|it| it.strip_prefix("origin/").unwrap_or(it).to_owned()),
        commit: owned(env, "GIT_COMMIT"),
        build_label: label(env, "JOB_NAME", "BUILD_NUMBER"),
        build_url: owned(env, "BUILD_URL"),
    })
}

fn circleci(env: &Env) -> Option<Origin> {
    env.get("CIRCLECI")?;
    Some(Origin {
        // Parallel containers of one job share its id.
        job: joined(env, &["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_NODE_INDEX"], 1),
        branch: owned(env, "CIRCLE_BRANCH"),
        commit: owned(env, "CIRCLE_SHA1"),
        build_label: label(env, "CIRCLE_JOB", "CIRCLE_BUILD_NUM"),
        build_url: owned(env, "CIRCLE_BUILD_URL"),
    })
}

fn azure(env: &Env) -> Option<Origin> {
    env.get("TF_BUILD")?;
    let branch = env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH").or_else(|| env.get("BUILD_SOURCEBRANCH"));
    Some(Origin {
        job: joined(env, &["BUILD_BUILDID", "SYSTEM_JOBID", "SYSTEM_JOBATTEMPT"], 2),
        branch: branch.map(|it| it.strip_prefix("refs/heads/").unwrap_or(it).to_owned()),
        commit: owned(env, "BUILD_SOURCEVERSION"),
        build_label: label(env, "BUILD_DEFINITIONNAME", "BUILD_BUILDNUMBER"),
        build_url: azure_page(env),
    })
}

fn azure_page(env: &Env) -> Option<String> {
    let collection = env.get("SYSTEM_COLLECTIONURI")?.trim_end_matches('/');
    let (project, build) = (env.get("SYSTEM_TEAMPROJECT")?, env.get("BUILD_BUILDID")?);
    Some(format!("{collection}/{}/_build/results?buildId={build}", encoded(project)))
}

fn owned(env: &Env, name: &str) -> Option<String> {
    env.get(name).map(ToOwned::to_owned)
}

fn label(env: &Env, name: &str, number: &str) -> Option<String> {
    Some(format!("{} #{}", env.get(name)?, env.get(number)?))
}

/// Joins what is set of `names`; nothing without the first `required`, for then the job would not be told from others.
fn joined(env: &Env, names: &[&str], required: usize) -> Option<String> {
    if names[..required].iter().any(|name| env.get(name).is_none()) {
        return None;
    }
    Some(names.iter().filter_map(|name| env.get(name)).collect::<Vec<_>>().join("-"))
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Characters of a job's identity that stay readable in a batch's name; the hash covers all of it.
const READABLE: usize = 80;

/// Names an upload so that a CI step that is executed again is recognised.
///
/// One job may upload several times (other reports, other options, the tests run again), and each is an upload of its
/// own: hence the fields and the files' names, sizes and times. The content is not read: that would read it twice.
pub fn batch(job: &str, project: &str, fields: &[(&str, String)], files: &[LocalFile]) -> String {
    // Only ever compared within one job, so that another release's hash does not matter.
    let mut hasher = DefaultHasher::new();
    (job, project, fields).hash(&mut hasher);
    for file in files {
        (&file.name, file.bytes, file.modified).hash(&mut hasher);
    }
    let readable: String =
        job.chars().take(READABLE).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("ci-{readable}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(variables: &[(&str, &str)]) -> Option<Origin> {
        Origin::from_ci(&variables.iter().copied().collect())
    }

    fn full(job: &str, branch: &str, label: &str, url: &str) -> Origin {
        let text = |it: &str| Some(it.to_owned());
        Origin {
            job: text(job),
            branch: text(branch),
            commit: text("c0ffee"),
            build_label: text(label),
            build_url: text(url),
        }
    }

    #[test]
    fn github_is_recognised() {
        let env = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "test"),
            ("RUNNER_NAME", "GitHub Actions 3"),
            ("GITHUB_HEAD_REF", ""),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_SHA", "c0ffee"),
            ("GITHUB_WORKFLOW", "CI"),
            ("GITHUB_RUN_NUMBER", "41"),
            ("GITHUB_SERVER_URL", "https://github.example"),
            ("GITHUB_REPOSITORY", "a/b"),
        ];
        let url = "https://github.example/a/b/actions/runs/7";
        assert_eq!(origin(&env), Some(full("7-2-test-GitHub Actions 3", "main", "CI #41", url)));
        assert_eq!(origin(&env[..2]).expect("GitHub").job, None, "too little to tell jobs apart");
    }

    #[test]
    fn gitlab_is_recognised() {
        let env = [
            ("GITLAB_CI", "true"),
            ("CI_JOB_ID", "9"),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_COMMIT_SHA", "c0ffee"),
            ("CI_JOB_NAME", "unit"),
            ("CI_PIPELINE_IID", "5"),
            ("CI_JOB_URL", "https://gitlab.example/j/9"),
        ];
        assert_eq!(origin(&env), Some(full("9", "main", "unit #5", "https://gitlab.example/j/9")));
    }

    #[test]
    fn jenkins_is_recognised() {
        let env = [
            ("JENKINS_URL", "https://ci.example/"),
            ("BUILD_TAG", "jenkins-shop-3"),
            ("GIT_BRANCH", "origin/main"),
            ("GIT_COMMIT", "c0ffee"),
            ("JOB_NAME", "shop"),
            ("BUILD_NUMBER", "3"),
            ("BUILD_URL", "https://ci.example/job/shop/3/"),
        ];
        assert_eq!(origin(&env), Some(full("jenkins-shop-3", "main", "shop #3", "https://ci.example/job/shop/3/")));
    }

    #[test]
    fn circleci_is_recognised() {
        let env = [
            ("CIRCLECI", "true"),
            ("CIRCLE_WORKFLOW_JOB_ID", "ab-cd"),
            ("CIRCLE_NODE_INDEX", "1"),
            ("CIRCLE_BRANCH", "main"),
            ("CIRCLE_SHA1", "c0ffee"),
            ("CIRCLE_JOB", "test"),
            ("CIRCLE_BUILD_NUM", "8"),
            ("CIRCLE_BUILD_URL", "https://circleci.example/8"),
        ];
        assert_eq!(origin(&env), Some(full("ab-cd-1", "main", "test #8", "https://circleci.example/8")));
    }

    #[test]
    fn azure_is_recognised() {
        let env = [
            ("TF_BUILD", "True"),
            ("BUILD_BUILDID", "11"),
            ("SYSTEM_JOBID", "j"),
            ("SYSTEM_JOBATTEMPT", "1"),
            ("BUILD_SOURCEBRANCH", "refs/heads/main"),
            ("BUILD_SOURCEVERSION", "c0ffee"),
            ("BUILD_DEFINITIONNAME", "shop"),
            ("BUILD_BUILDNUMBER", "20260101.1"),
            ("SYSTEM_COLLECTIONURI", "https://azure.example/org/"),
            ("SYSTEM_TEAMPROJECT", "My Shop"),
        ];
        let url = "https://azure.example/org/My%20Shop/_build/results?buildId=11";
        assert_eq!(origin(&env), Some(full("11-j-1", "main", "shop #20260101.1", url)));
    }

    #[test]
    fn a_batch_is_the_same_only_for_the_same_upload() {
        let file = |bytes| LocalFile { path: "a".into(), name: "a".into(), bytes, modified: None };
        let fields = |kind: &str| [("type", kind.to_owned())];
        let first = batch("9 x", "1", &fields("auto"), &[file(1)]);
        assert!(first.starts_with("ci-9-x-"), "{first}");
        assert_eq!(first, batch("9 x", "1", &fields("auto"), &[file(1)]));
        let others = [
            batch("9-x", "1", &fields("auto"), &[file(1)]),
            batch("9 x", "2", &fields("auto"), &[file(1)]),
            batch("9 x", "1", &fields("junit"), &[file(1)]),
            batch("9 x", "1", &fields("auto"), &[file(2)]),
        ];
        assert!(others.iter().all(|other| *other != first));
    }
}
