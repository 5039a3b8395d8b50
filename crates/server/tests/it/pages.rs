//! The pages of projects and results, as a browser gets them.

use std::fmt::Write as _;

use testward_wire::results::Status;

use crate::ingest::{Hands, JUNIT, send_form, upload};
use crate::support::{Client, TestApp};

/// A browser at the project's home.
struct Browser<'a> {
    app: &'a TestApp,
    person: Client,
    home: String,
}

impl<'a> Browser<'a> {
    async fn of_anna(app: &'a TestApp) -> Self {
        Self::of(app, app.anna().await)
    }

    fn of(app: &'a TestApp, person: Client) -> Self {
        let home = format!("/team/{}/project/{}", app.team, app.project);
        Self { app, person: person.with("accept", "text/html"), home }
    }

    async fn upload(&self, fields: &[(&str, &str)], report: &str) {
        upload(&self.person, self.app, fields, &[("junit.xml", report.as_bytes())]).await.ok();
    }

    /// Opens a page below the project.
    async fn read(&self, path: &str) -> String {
        self.person.get(&format!("{}{path}", self.home)).await.ok().text().to_owned()
    }

    /// Follows the first link on a page whose address contains `part`.
    async fn follow(&self, page: &str, part: &str) -> String {
        let href = hrefs(page).into_iter().find(|href| href.contains(part)).expect("such a link");
        self.person.get(&href).await.ok().text().to_owned()
    }
}

fn hrefs(page: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|href| href.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[track_caller]
fn assert_shows(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text:?} is not on the page:\n{page}");
    }
}

#[track_caller]
fn assert_hides(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(!page.contains(text), "{text:?} is on the page");
    }
}

/// Writes a report of `n` tests that pass.
fn green(n: usize) -> String {
    let mut report = "<testsuite name=\"many\">".to_owned();
    for i in 0..n {
        write!(report, "<testcase classname=\"Many\" name=\"test {i:03}\"/>").expect("text grows");
    }
    report + "</testsuite>"
}

#[tokio::test]
async fn a_stranger_is_asked_to_sign_in_and_comes_back() {
    let app = TestApp::start().await;
    let answer = app.stranger().page("/team/1/project/1/executions?status=FAILED").await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location(), "/signin?next=%2Fteam%2F1%2Fproject%2F1%2Fexecutions%3Fstatus%3DFAILED");
    assert_eq!(app.stranger().page("/").await.location(), "/projects");
}

#[tokio::test]
async fn what_belongs_to_others_is_not_found() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    anna.upload(&[], JUNIT).await;
    let eve = app.eve().await;
    let pages = ["executions", "executions/1", "executions/1?tab=files", "executions/1/results/1", "upload"];
    for page in pages {
        assert_eq!(eve.page(&format!("{}/{page}", anna.home)).await.status, 404, "{page}");
    }
    let sent = send_form(&eve, &format!("{}/upload", anna.home), &[], &[("junit.xml", JUNIT.as_bytes())]).await;
    assert_eq!(sent.status, 404);
    assert_hides(eve.page("/projects").await.ok().text(), &["Shop"]);
}

#[tokio::test]
async fn a_member_of_the_team_sees_its_runs() {
    let app = TestApp::start().await;
    Browser::of_anna(&app).await.upload(&[], JUNIT).await;
    let ben = Browser::of(&app, app.ben().await);
    assert_shows(&ben.read("/executions/1").await, &["removes", "Anna Ant"]);
    assert_eq!(ben.person.page("/projects/new").await.status, 403);
    assert_eq!(ben.person.submit("/projects", &[("name", "Mine"), ("team", "1")]).await.status, 403);
}

#[tokio::test]
async fn the_first_page_says_how_results_get_there() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let command = format!("testward upload --url http://testward.test --project {}", app.project);
    for page in [anna.read("/executions").await, anna.person.page("/projects").await.ok().text().to_owned()] {
        assert_shows(&page, &["No results yet", &command]);
    }
    anna.upload(&[], JUNIT).await;
    for page in [anna.read("/executions").await, anna.person.page("/projects").await.ok().text().to_owned()] {
        assert_shows(&page, &["1 failed, 1 passed, 1 skipped"]);
        assert_hides(&page, &["No results yet"]);
    }
}

#[tokio::test]
async fn a_new_project_has_a_home() {
    let app = TestApp::start().await;
    let anna = app.anna().await.with("accept", "text/html");
    let team = app.team.to_string();
    let made = anna.submit("/projects", &[("name", "Tills & <more>"), ("team", &team)]).await.ok();
    assert_shows(anna.get(made.location()).await.ok().text(), &["Tills &#38; &#60;more&#62;", "No results yet"]);
    let refused = anna.submit("/projects", &[("name", " "), ("team", &team)]).await;
    assert_shows(refused.text(), &["Name must not be empty."]);
}

#[tokio::test]
async fn a_run_says_first_what_failed_and_how() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    anna.upload(&[("branch", "main"), ("build_url", "javascript:alert(1)"), ("build_label", "7")], JUNIT).await;
    let page = anna.read("/executions/1").await;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(
        at("What failed") < at("removes")
            && at("removes") < at("Everything else")
            && at("Everything else") < at("adds")
    );
    assert_shows(&page, &["expected 1 but was 2", "at cart.js:3", "main"]);
    assert_hides(&page, &["javascript:"]);
}

#[tokio::test]
async fn nothing_in_a_report_is_taken_for_html() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let evil = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;b title=&quot;";
    let report = format!(
        "<testsuite name=\"{evil}\"><testcase classname=\"{evil}\" name=\"{evil}\"><failure message=\"{evil}\" \
         type=\"{evil}\">{evil}</failure><system-out>{evil}</system-out></testcase></testsuite>"
    );
    let evil = "<script>alert(1)</script><b title=\"";
    anna.upload(
        &[("branch", evil), ("run_name", evil), ("commit", evil), ("tag", evil), ("build_label", evil)],
        &report,
    )
    .await;
    let run = anna.read("/executions/1").await;
    let result = anna.follow(&run, "/results/").await;
    let suites = anna.read("/executions/1?tab=suites").await;
    let suite = anna.follow(&suites, "suite=").await;
    let echoed = anna.read("/executions?q=%3Cscript%3E&branch=%22%3E%3Cscript%3E").await;
    let runs = anna.read("/executions").await;
    for page in [run, result, suites, suite, runs, echoed, anna.read("/executions/1?tab=files").await] {
        assert_shows(&page, &["&#60;script&#62;"]);
        assert_hides(&page, &["<script>", "<b title"]);
    }
}

#[tokio::test]
async fn a_result_tells_all_that_is_known() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let report = "<testsuite name=\"cart\"><testcase classname=\"Cart\" name=\"adds\" file=\"cart.rs\" line=\"7\">\
        <failure message=\"no\" type=\"Oops\">\u{1b}[31mred\u{1b}[0m line</failure><system-out>said</system-out>\
        </testcase><testcase classname=\"Cart\" name=\"sorts\"><error message=\"late\"/></testcase></testsuite>";
    anna.upload(&[], report).await;
    anna.upload(&[], report).await;
    let page = anna.follow(&anna.read("/executions/2?status=ERROR").await, "/results/").await;
    assert_shows(&page, &["late", "Next failure", "#1 error"]);
    let (before, _) = page.split_once("Next failure").expect("a way on");
    let next = anna.person.get(hrefs(before).last().expect("a link")).await.ok();
    assert_shows(next.text(), &["Oops", "red line", "cart.rs:7", "Standard output", "said", "Last 2 results"]);
    assert_hides(next.text(), &["[31m", "Next failure"]);
}

#[tokio::test]
async fn what_went_wrong_around_the_tests_is_shown() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let report = "<testsuite name=\"cart\"><testcase name=\"adds\"/><system-err>no database</system-err></testsuite>";
    anna.upload(&[], report).await;
    let suites = anna.read("/executions/1?tab=suites").await;
    let suite = anna.follow(&suites, "suite=").await;
    assert_shows(&suite, &["Standard error of the suite", "no database", "adds"]);
    anna.upload(&[], JUNIT).await;
    let elsewhere = hrefs(&suites).into_iter().find(|href| href.contains("suite=")).expect("a suite");
    let elsewhere = elsewhere.replace("executions/1", "executions/2");
    assert_eq!(anna.person.get(&elsewhere).await.status, 404);
}

#[tokio::test]
async fn a_run_in_progress_renews_itself_until_it_ends() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let hands = Hands::of_anna(&app).await;
    hands.live("Cart", Some("adds"), Some(Status::Passed), false).await;
    let page = anna.read("/executions/1").await;
    assert_shows(&page, &["data-live", "In progress", "adds", "Reload</a> to see more"]);
    hands.live("Cart", None, None, true).await;
    let page = anna.read("/executions/1").await;
    assert_shows(&page, &["Passed", "adds"]);
    assert_hides(&page, &["data-live", "In progress"]);
}

#[tokio::test]
async fn runs_and_results_are_filtered_by_the_address() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    anna.upload(&[("branch", "main"), ("run_name", "Nightly")], JUNIT).await;
    anna.upload(&[("branch", "topic"), ("run_name", "Smoke")], &green(1)).await;
    for (query, shown, hidden) in [
        ("status=FAILED", "Nightly", "Smoke"),
        ("branch=topic", "Smoke", "Nightly"),
        ("q=night", "Nightly", "Smoke"),
        ("status=PASSED&branch=main", "No run matches", "Smoke"),
    ] {
        let page = anna.read(&format!("/executions?{query}")).await;
        assert_shows(&page, &[shown]);
        assert_hides(&page, &[hidden]);
    }
    for (query, shown, hidden) in
        [("status=SKIPPED", "sorts", "adds"), ("q=ADD", "adds", "sorts"), ("q=nothing", "No result matches", "adds")]
    {
        let page = anna.read(&format!("/executions/1?{query}")).await;
        assert_shows(&page, &[shown]);
        assert_hides(&page, &[hidden]);
    }
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    anna.upload(&[], &green(250)).await;
    let first = anna.read("/executions/1").await;
    let second = anna.follow(&first, "after=").await;
    let third = anna.follow(&second, "after=PASSED").await;
    assert_shows(&first, &["test 000", "test 099", "Older"]);
    assert_shows(&second, &["test 100", "test 199", "Newer", "Older"]);
    assert_shows(&third, &["test 200", "test 249", "Newer"]);
    assert_hides(&third, &["test 199", "Older"]);
    for i in 0..35 {
        anna.upload(&[("run_name", &format!("number {i:02}."))], &green(1)).await;
    }
    let runs = anna.read("/executions?branch=").await;
    assert_shows(&runs, &["number 34.", "number 05."]);
    assert_hides(&runs, &["number 04."]);
    assert_shows(&anna.follow(&runs, "after=").await, &["number 04.", "number 00."]);
}

#[tokio::test]
async fn the_form_uploads_and_shows_the_run() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    assert_shows(&anna.read("/upload").await, &["multipart/form-data", "name=\"run_name\""]);
    let form = format!("{}/upload", anna.home);
    // As a browser sends it: fields that were left empty come too.
    let fields = [("type", "auto"), ("run_name", "By hand"), ("branch", ""), ("commit", ""), ("build_label", "")];
    let sent = send_form(&anna.person, &form, &fields, &[("junit.xml", JUNIT.as_bytes())]).await.ok();
    assert_eq!(sent.location(), format!("{}/executions/1", anna.home));
    let files = anna.read("/executions/1?tab=files").await;
    assert_eq!(anna.follow(&files, "/attachments/").await, JUNIT);
    let empty = send_form(&anna.person, &form, &fields, &[("", b"")]).await;
    assert_eq!(empty.status, 400);
    assert_shows(empty.text(), &["no file"]);
}

#[tokio::test]
async fn a_refused_file_is_named_with_the_place() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    let form = format!("{}/upload", anna.home);
    let refused = send_form(&anna.person, &form, &[], &[("notes.xml", b"<notes/>")]).await;
    assert_eq!(refused.status, 400);
    assert_shows(refused.text(), &["notes.xml:1:1: "]);
    assert_shows(
        &anna.read("/executions/1").await,
        &["The file could not be read", "notes.xml:1:1: not a test report"],
    );
}

#[tokio::test]
async fn what_official_clients_print_leads_to_the_runs() {
    let app = TestApp::start().await;
    let anna = Browser::of_anna(&app).await;
    for path in ["test-project", "grid/plan/3/job/7"] {
        let answer = anna.person.get(&format!("{}/{path}", anna.home)).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, format!("{}/executions", anna.home).as_str()));
    }
}

#[tokio::test]
async fn the_style_guide_is_for_everybody() {
    let app = TestApp::start().await;
    assert_shows(app.stranger().page("/styleguide").await.ok().text(), &["Style guide", "t-passed"]);
}
