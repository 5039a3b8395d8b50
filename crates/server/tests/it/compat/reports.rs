//! Files from the address they are put at to the counts of a run.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use testward_server::ingest;

use super::strict::strict;
use crate::support::{Answer, Client, TestApp};

const JUNIT: &str = r#"<testsuite name="S"><testcase classname="C" name="a" time="0.1"/>
    <testcase classname="C" name="b" time="0.2"><failure message="boom">at b</failure></testcase></testsuite>"#;

/// A server with one key that may only upload.
struct Uploads {
    app: TestApp,
    key: Client,
}

/// A place for a file, as the client sees it.
struct Place {
    path: String,
    address: String,
}

impl Uploads {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let key = app.key(&["results:write"]).await;
        Self { app, key }
    }

    async fn place(&self) -> Place {
        let path = format!("/api/v1/files/upload-url?projectId={}", self.app.project);
        let file = self.key.get(&path).await.ok().json();
        strict("File", &file);
        place(&file)
    }

    /// Puts bytes as the clients do: without saying who one is.
    async fn put(&self, place: &Place, bytes: impl Into<Body>) -> Answer {
        self.app.stranger().put_bytes(&place.address, bytes).await
    }

    async fn put_new(&self, bytes: &str) -> Place {
        let place = self.place().await;
        self.put(&place, bytes.to_owned()).await.ok();
        place
    }

    /// Names a file in the address, without a body.
    async fn announce(&self, route: &str, fields: &[(&str, &str)]) -> Answer {
        let project = self.app.project.to_string();
        let fields = [&[("projectId", project.as_str())], fields].concat();
        let query = serde_urlencoded::to_string(fields).expect("a query");
        self.key.send(Method::POST, &format!("/api/v1/{route}?{query}"), "", Body::empty()).await
    }

    async fn junit(&self, batch: &str, place: &Place) -> Answer {
        let fields = [("batch", batch), ("folderPath", "/w"), ("isEnd", "true"), ("fileName", "a.xml")];
        let fields = [&fields[..], &[("uploadedPath", &place.path), ("pushToXray", "false")]].concat();
        self.announce("junit/test-reports", &fields).await
    }

    async fn import(&self) {
        ingest::import_waiting(&self.app.app).await.expect("imported");
    }

    /// Returns what a reader sees of run `number`.
    async fn run(&self, number: i64) -> Value {
        let search = json!({"type": "Execution", "conditions": [
            {"key": "Project.id", "operator": "=", "value": self.app.project},
            {"key": "order", "operator": "=", "value": number.to_string()},
        ]});
        let page = self.app.anna().await.post("/api/v1/search", search).await.ok().json();
        strict("PageBase", &page);
        strict("Execution", &page["content"][0]);
        page["content"][0].clone()
    }

    async fn n_runs(&self) -> Value {
        let path = format!("/api/v1/executions?projectId={}", self.app.project);
        self.app.anna().await.get(&path).await.ok().json()["totalElements"].clone()
    }
}

fn place(file: &Value) -> Place {
    let text = |name: &str| file[name].as_str().expect("text").to_owned();
    let url = text("uploadUrl");
    let address = url.strip_prefix("http://testward.test").expect("absolute").to_owned();
    Place { path: text("path"), address }
}

/// Counts as total, passed, failed, skipped.
fn counts(run: &Value) -> [i64; 4] {
    let count = |name: &str| run[name].as_i64().expect("a number");
    ["totalTests", "totalPassedTests", "totalFailedTests", "totalSkippedTests"].map(count)
}

#[tokio::test]
async fn bytes_need_no_name_and_may_come_again() {
    let uploads = Uploads::start().await;
    let place = uploads.place().await;
    for bytes in ["", "nonsense", JUNIT] {
        let answer = uploads.put(&place, bytes.to_owned()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text(), &answer.headers["connection"]),
            (200, "", &"close".parse().expect("a header"))
        );
    }
    let batch = uploads.junit("1-a", &place).await.ok().json();
    strict("UploadBatch", &batch);
    uploads.import().await;
    let run = uploads.run(1).await;
    assert_eq!((counts(&run), &run["status"]), ([2, 1, 1, 0], &json!("FAILED")));
    assert_eq!(batch[0]["webUrl"], run["webUrl"]);
    uploads.app.stranger().put_bytes("/storage/nobody", "x").await.refused(404, "not_found");
}

#[tokio::test]
async fn there_are_as_many_addresses_as_asked_for() {
    let uploads = Uploads::start().await;
    let ask = |n: &'static str| {
        let path = format!("/api/v1/files/upload-urls?projectId={}&numberUrl={n}", uploads.app.project);
        let key = uploads.key.clone();
        async move { key.get(&path).await }
    };
    let files = ask("7").await.ok().json();
    strict("File", &files);
    assert_eq!(files.as_array().map(Vec::len), Some(7));
    let mut paths: Vec<_> = files.as_array().expect("files").iter().map(|it| place(it).path).collect();
    paths.dedup();
    assert_eq!(paths.len(), 7);
    assert_eq!(ask("10001").await.status, 400);
    ask("many").await.refused(400, "invalid_query");
}

#[tokio::test]
async fn files_may_be_named_before_their_bytes_come() {
    let uploads = Uploads::start().await;
    let place = uploads.place().await;
    let answer = uploads.junit("1-a", &place).await.ok().json();
    assert_eq!(answer[0]["done"], false);
    uploads.import().await;
    uploads.put(&place, JUNIT).await.ok();
    uploads.import().await;
    assert_eq!(counts(&uploads.run(1).await), [2, 1, 1, 0]);
}

#[tokio::test]
async fn naming_a_file_twice_changes_nothing() {
    let uploads = Uploads::start().await;
    let place = uploads.put_new(JUNIT).await;
    let first = uploads.junit("1-a", &place).await.ok().json();
    uploads.import().await;
    let second = uploads.junit("1-a", &place).await.ok().json();
    uploads.import().await;
    assert_eq!((&first[0]["webUrl"], &second[0]["done"]), (&second[0]["webUrl"], &json!(true)));
    assert_eq!((uploads.n_runs().await, counts(&uploads.run(1).await)), (json!(1), [2, 1, 1, 0]));
}

#[tokio::test]
async fn a_file_that_has_no_place_is_refused() {
    let uploads = Uploads::start().await;
    for path in ["", "nobody/gave/this"] {
        let nowhere = Place { path: path.to_owned(), address: String::new() };
        let answer = uploads.junit("1-a", &nowhere).await;
        assert!(answer.status.is_client_error() && answer.json()["message"].is_string(), "{}", answer.text());
    }
    let valueless =
        format!("/api/v1/junit/test-reports?projectId={}&batch=1-a&fileName=a&uploadedPath", uploads.app.project);
    assert!(uploads.key.post(&valueless, json!({})).await.status.is_client_error());
    assert_eq!(uploads.n_runs().await, 0);
}

#[tokio::test]
async fn a_place_in_somebody_elses_project_is_refused() {
    let uploads = Uploads::start().await;
    let place = uploads.put_new(JUNIT).await;
    let eve = uploads.app.eve().await;
    let path =
        format!("/api/v1/junit/test-reports?projectId=2&batch=1&isEnd=true&fileName=a.xml&uploadedPath={}", place.path);
    assert!(eve.post(&path, json!({})).await.status.is_client_error());
    eve.post(&path.replace("projectId=2", &format!("projectId={}", uploads.app.project)), json!({}))
        .await
        .refused(404, "not_found");
}

/// The four files of the reporters, as they were seen on the wire.
fn testops_files() -> [(&'static str, Value); 4] {
    [
        ("execution.json", json!({"uuid": "e", "start": 1000, "stop": 2000, "duration": 1000, "status": "FAILED"})),
        (
            "metadata.json",
            json!({"framework": "jest", "language": "javascript", "sessionId": "s-1", "buildLabel": "B1"}),
        ),
        (
            "results.json",
            json!({"results": [
                {"uuid": "1", "name": "Outer.ok", "suiteName": "Outer", "status": "PASSED", "errors": []},
                {"uuid": "2", "name": "Outer.bad", "suiteName": "Outer", "status": "FAILED",
                    "errors": [{"message": "boom", "stackTrace": "at x"}]},
                {"uuid": "3", "name": "Outer.sk", "suiteName": "Outer", "status": "SKIPPED", "duration": null},
            ]}),
        ),
        (
            "suites.json",
            json!({"suites": [{"name": "Outer", "uuid": "s", "start": 1000, "stop": 2000, "parentUuid": "e"}]}),
        ),
    ]
}

/// Uploads as the reporters do, all files in one call.
async fn report(uploads: &Uploads, batch: &str) -> Value {
    let mut entries = Vec::new();
    for (name, content) in testops_files() {
        let place = uploads.put_new(&content.to_string()).await;
        let end = name == "suites.json";
        entries.push(json!({"folderPath": "testops-report", "fileName": name, "uploadedPath": place.path, "end": end}));
    }
    let path = format!("//api/v1/testops-reports?projectId={}&batch={batch}&unknown=1", uploads.app.project);
    let answer = uploads.key.post(&path, json!(entries)).await.ok().json();
    uploads.import().await;
    answer
}

#[tokio::test]
async fn the_reporters_get_one_object_and_their_run() {
    let uploads = Uploads::start().await;
    let answer = report(&uploads, "6d049440-1795408185607").await;
    strict("UploadBatch", &answer);
    let url = format!("http://testward.test/team/{}/project/{}/executions/1", uploads.app.team, uploads.app.project);
    assert_eq!(answer["webUrl"], url);
    let run = uploads.run(1).await;
    assert_eq!((counts(&run), &run["buildLabel"]), ([3, 1, 1, 1], &json!("B1")));
}

#[tokio::test]
async fn what_was_told_live_and_the_report_become_one_run() {
    let uploads = Uploads::start().await;
    let path = format!("/api/v1/katalon/test-reports/update-result?projectId={}", uploads.app.project);
    let begun = uploads.key.post(&path, json!({"sessionId": "s-1", "testSuiteId": ""})).await.ok().json();
    strict("Execution", &begun);
    assert_eq!(
        (&begun["status"], &begun["order"], &begun["executionStage"]),
        (&json!("RUNNING"), &json!(1), &json!("RUNNING"))
    );
    let message = json!({"sessionId": "s-1", "testSuiteId": "Outer", "name": "ok", "status": "PASSED", "end": null});
    let told = uploads.key.post(&path, message).await.ok().json();
    assert_eq!((&told["id"], counts(&told)), (&begun["id"], [1, 1, 0, 0]));
    uploads.key.post(&path, json!({"name": "ok"})).await.refused(400, "invalid_request");
    let message = json!({"sessionId": "s-1", "name": "ok", "status": "SPLENDID"});
    uploads.key.post(&path, message).await.refused(400, "invalid_request");
    report(&uploads, "1-a").await;
    let run = uploads.run(1).await;
    assert_eq!((uploads.n_runs().await, counts(&run), &run["sessionId"]), (json!(1), [3, 1, 1, 1], &json!("s-1")));
    let by_id = uploads.app.anna().await.get(&format!("/api/v1/executions/{}", begun["id"])).await.ok().json();
    assert_eq!(by_id["order"], 1);
    uploads.app.eve().await.get(&format!("/api/v1/executions/{}", begun["id"])).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_file_is_named_in_the_address_or_in_a_form() {
    let uploads = Uploads::start().await;
    for route in [
        "junit/test-reports",
        "junit/test-reports-v2",
        "katalon/test-reports",
        "katalon-test-reports",
        "testng/test-reports",
        "katalon-recorder/test-reports",
    ] {
        let place = uploads.put_new(JUNIT).await;
        let project = uploads.app.project.to_string();
        let fields = [("projectId", project.as_str()), ("batch", route), ("isEnd", "true"), ("fileName", "a.xml")];
        let fields = [&fields[..], &[("uploadedPath", &place.path)]].concat();
        let answer = uploads.key.submit(&format!("/api/v1/{route}"), &fields).await.ok().json();
        strict("UploadBatch", &answer);
        assert!(answer.is_array(), "{route}");
    }
    uploads.import().await;
    assert_eq!(uploads.n_runs().await, 6);
    assert_eq!(counts(&uploads.run(6).await), [2, 1, 1, 0]);
}

#[tokio::test]
async fn files_join_the_run_that_they_name() {
    let uploads = Uploads::start().await;
    let path = format!("/api/v1/katalon/test-reports/update-result?projectId={}", uploads.app.project);
    let begun = uploads.key.post(&path, json!({"sessionId": "s-1"})).await.ok().json();
    let place = uploads.put_new(JUNIT).await;
    let execution = begun["id"].to_string();
    let fields = [("executionId", execution.as_str()), ("batch", "1-a"), ("isEnd", "true"), ("fileName", "a.xml")];
    let fields = [&fields[..], &[("uploadedPath", &place.path)]].concat();
    let answer = uploads.announce("testng/test-reports", &fields).await.ok().json();
    uploads.import().await;
    assert_eq!(answer[0]["webUrl"], begun["webUrl"]);
    assert_eq!((uploads.n_runs().await, counts(&uploads.run(1).await)), (json!(1), [2, 1, 1, 0]));
    let fields = [&fields[1..], &[("executionId", "999")]].concat();
    uploads.announce("testng/test-reports", &fields).await.refused(404, "not_found");
}

#[tokio::test]
async fn studio_names_many_files_at_once() {
    let uploads = Uploads::start().await;
    let entry = |place: &Place| {
        let (folder, name) = (r"Reports\1", "JUnit_Report.xml");
        json!({"folderPath": folder, "fileName": name, "uploadedPath": place.path, "end": "true", "sessionId": null})
    };
    let path =
        |route: &str| format!("/api/v1/katalon/test-reports/{route}?projectId={}&batch={route}", uploads.app.project);
    let first = uploads.put_new(JUNIT).await;
    let answer = uploads.key.post(&path("multiple"), json!([entry(&first)])).await.ok().json();
    strict("UploadBatch", &answer[0]);
    let second = uploads.put_new(JUNIT).await;
    let tags = json!([{"id": 1, "name": "smoke"}]);
    let body = json!({"uploadBatchFileResources": [entry(&second)], "tags": tags, "customFieldOptions": []});
    assert!(uploads.key.post(&path("multiple-v2"), body).await.ok().json().is_array());
    uploads.import().await;
    assert_eq!(uploads.n_runs().await, 2);
    uploads.key.post(&path("multiple"), json!({})).await.refused(400, "invalid_json");
}

#[tokio::test]
async fn a_key_that_may_not_write_uploads_nothing() {
    let uploads = Uploads::start().await;
    let reader = uploads.app.key(&["results:read"]).await;
    let path = format!("/api/v1/files/upload-url?projectId={}", uploads.app.project);
    reader.get(&path).await.refused(403, "insufficient_scope");
    reader.post("/api/v1/testops-reports?projectId=1&batch=1", json!([])).await.refused(403, "insufficient_scope");
}

#[tokio::test]
async fn old_studios_send_the_bytes_in_the_form() {
    let uploads = Uploads::start().await;
    let project = uploads.app.project.to_string();
    // The file stands before the last fields, and its name may be a path of another system.
    let send = async |name: &str, bytes: &str, is_end: &str| {
        let field = |name: &str, value: &str| {
            format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file =
            format!("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{bytes}\r\n");
        let form = [
            field("projectId", &project),
            field("batch", "b"),
            file,
            field("folderPath", "C:\\r"),
            field("isEnd", is_end),
        ];
        let body = form.concat() + "--X--\r\n";
        let path = "/api/v1/katalon-test-reports";
        uploads.key.send(Method::POST, path, "multipart/form-data; boundary=X", body.into()).await
    };
    send("notes.txt", "hello", "false").await.ok();
    let answer = send("JUnit_Report.xml", JUNIT, "true").await.ok().json();
    strict("UploadBatch", &answer[0]);
    ingest::import_waiting(&uploads.app.app).await.expect("imported");
    let run = uploads.app.anna().await.get(&format!("/api/v1/projects/{project}/runs/1")).await.ok().json();
    assert_eq!((&run["counts"]["total"], &run["counts"]["failed"]), (&json!(2), &json!(1)));
    // Sent again because an answer was lost, it changes nothing.
    assert_eq!(send("JUnit_Report.xml", JUNIT, "true").await.ok().json()[0]["done"], true);
    let receipt = uploads.key.get(&format!("/api/v1/projects/{project}/uploads/{}", answer[0]["id"])).await.ok().json();
    let paths: Vec<_> = receipt["files"].as_array().expect("files").iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["C:/r/notes.txt", "C:/r/JUnit_Report.xml"]);
    let nowhere = uploads.key.send(
        Method::POST,
        "/api/v1/katalon-test-reports",
        "multipart/form-data; boundary=X",
        "--X--\r\n".into(),
    );
    nowhere.await.refused(400, "invalid_request");
}
