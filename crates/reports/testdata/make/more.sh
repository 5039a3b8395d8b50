# TestNG, Robot Framework, go test, TAP and Rust.

make_testng() {
  local version
  for version in 6.14.3 7.10.2; do
    mkdir -p "$work/testng-$version/src/test/java/shop" && cd "$work/testng-$version" || return
    cat >pom.xml <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.testng</groupId><artifactId>testng</artifactId><version>$version</version><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.2</version>
<configuration><testFailureIgnore>true</testFailureIgnore><properties><property><name>usedefaultlisteners</name><value>true</value></property></properties></configuration></plugin></plugins></build></project>
XML
    cat >src/test/java/shop/CartTest.java <<'JAVA'
package shop;

import org.testng.*;
import org.testng.annotations.*;

public class CartTest {
  static int tries;
  public static class Again implements IRetryAnalyzer {
    int n;
    public boolean retry(ITestResult result) { return n++ < 2; }
  }
  @BeforeMethod public void before() {}
  @Test(groups = {"smoke", "cart"}, description = "Adds one item") public void adds() { Reporter.log("logged <b>line</b>"); }
  @Test public void fails() { Assert.assertEquals("a\nb ]]>", "c", "they differ <&>"); }
  @Test(retryAnalyzer = Again.class) public void flaky() { if (tries++ < 1) throw new IllegalStateException("first time"); }
  @Test(retryAnalyzer = Again.class) public void alwaysFails() { throw new IllegalStateException("try " + tries); }
  @Test(dependsOnMethods = "fails") public void depends() {}
  @Test public void skips() { throw new SkipException("not <now>"); }
  @DataProvider public Object[][] rows() { return new Object[][] {{1, "x"}, {2, null}, {3, "y, z"}}; }
  @Test(dataProvider = "rows") public void values(int n, String s) { Assert.assertNotEquals(n, 3); }
  @Test(enabled = false) public void off() {}
}
JAVA
    cat >src/test/java/shop/BrokenTest.java <<'JAVA'
package shop;

import org.testng.annotations.*;

public class BrokenTest {
  @BeforeClass public void setUp() { throw new IllegalStateException("no set-up"); }
  @Test public void never() {}
}
JAVA
    mvn -q -B test >"$work/log" 2>&1 || head -12 "$work/log" >&2
    cp target/surefire-reports/testng-results.xml "testng-$version.xml"
    keep testng "testng-$version.xml"
  done
}

make_robot_output() {
  local version
  for version in 3.2.2 4.1.3 6.1.1 7.3.2; do
    rm -rf "$work/py"
    python_tests "robotframework==$version"
    mkdir -p shop/inner
    cat >shop/__init__.robot <<'ROBOT'
*** Settings ***
Documentation    The whole shop
Metadata         Owner    anna
*** Variables ***
${NAME}    x
ROBOT
    cat >shop/cart.robot <<'ROBOT'
*** Settings ***
Documentation    Carts <&> more
Library          Collections
Test Setup       Log    before

*** Test Cases ***
Adds An Item
    [Documentation]    Adds *one* item
    [Tags]    smoke    cart
    ${list}=    Create List    a    b
    Append To List    ${list}    c
    Log    hello <&>    WARN
    Log    <img src="shot.png" width="800px">    html=yes

Fails With Message
    Fail    Expected 1 <item> & got 2

Fails Deep
    Outer    one    two

Loops
    FOR    ${i}    IN    1    2    3
        Log    round ${i}
    END
    Run Keyword If    ${True}    No Operation

Tears Down
    No Operation
    [Teardown]    Fail    no tear-down

*** Keywords ***
Outer
    [Arguments]    ${a}    ${b}
    Inner    ${a}
    Log    never

Inner
    [Arguments]    ${a}
    Should Be Equal    ${a}    other    they differ
ROBOT
    cat >shop/inner/broken.robot <<'ROBOT'
*** Settings ***
Suite Setup    Fail    no set-up
*** Test Cases ***
Never Runs
    Log    hello
ROBOT
    case $version in 3.*) ;; *) cat >shop/new.robot <<'ROBOT'
*** Test Cases ***
Skipped One
    Skip    not on this machine
Branches
    IF    1 > 2
        Log    no
    ELSE
        Log    yes
    END
ROBOT
    esac
    case $version in 7.*) cat >shop/newest.robot <<'ROBOT'
*** Test Cases ***
Sets And Tries
    VAR    ${x}    1
    TRY
        Fail    oops
    EXCEPT    oops
        Log    caught
    END
    WHILE    ${x} < 2    limit=5
        ${x}=    Evaluate    ${x} + 1
    END
ROBOT
    esac
    venv/bin/robot --output "output-$version.xml" --report NONE --log NONE shop >/dev/null 2>&1
    keep robot-output "output-$version.xml"
  done
}

go_shop() {
  cat >shop_test.go <<'GO'
package shop

import (
	"fmt"
	"os"
	"testing"
)

func TestAdds(t *testing.T) { t.Log("fine <&> \x1b[31mred\x1b[0m"); fmt.Println("printed") }
func TestTable(t *testing.T) {
	for _, name := range []string{"one", "two <&>"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "one" {
				t.Errorf("got %q", name)
			}
		})
	}
}
func TestSkips(t *testing.T) { t.Skip("not today") }
func TestFlaky(t *testing.T) {
	if _, err := os.Stat("ran"); err != nil {
		os.WriteFile("ran", nil, 0o600)
		t.Fatal("first time")
	}
}
GO
  mkdir -p panics broken empty
  cat >panics/panics_test.go <<'GO'
package panics

import "testing"

func TestFirst(t *testing.T) {}
func TestPanics(t *testing.T) { var m map[string]int; m["a"] = 1 }
func TestNever(t *testing.T) {}
GO
  printf 'package broken\n\nimport "testing"\n\nfunc TestBuilds(t *testing.T) { undefined() }\n' >broken/broken_test.go
  printf 'package empty\n' >empty/empty.go
}

make_gotest() {
  mkdir -p "$work/gojson" && cd "$work/gojson" || return
  go mod init example.com/shop >/dev/null 2>&1
  go_shop
  go test -json ./... >go.json 2>/dev/null
  rm -f ran
  GOFLAGS=-mod=mod go run gotest.tools/gotestsum@v1.13.0 --jsonfile rerun.json --rerun-fails=2 --packages=. >"$work/log" 2>&1
  keep go-test go.json rerun.json
}

make_libtest() {
  mkdir -p "$work/rust/src" "$work/rust/tests" && cd "$work/rust" || return
  printf '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n' >Cargo.toml
  cat >src/lib.rs <<'RUST'
/// Doubles.
///
/// ```
/// assert_eq!(shop::double(1), 2);
/// ```
pub fn double(n: u32) -> u32 { n * 2 }

#[cfg(test)]
mod cart {
    #[test]
    fn adds() { println!("out \u{1b}[31mred\u{1b}[0m"); }
    #[test]
    fn fails() { assert_eq!(super::double(1), 3, "they differ <&>"); }
    #[test]
    #[ignore = "not today"]
    fn ignored() {}
    #[test]
    #[should_panic(expected = "boom")]
    fn should_panic() { panic!("boom") }
    #[test]
    #[should_panic]
    fn does_not_panic() {}
    #[test]
    fn returns_an_error() -> Result<(), String> { Err("no \"luck\"".into()) }
}
RUST
  printf '#[test]\nfn whole() {}\n' >tests/whole.rs
  export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/rust/target"
  cargo test -q --no-fail-fast -- -Z unstable-options --format json --report-time >libtest.json 2>/dev/null
  cargo test --no-fail-fast -- -Z unstable-options --format json >mixed.json 2>&1
  keep libtest libtest.json mixed.json
}

make_tap() {
  node_tests tape tap@18 mocha@11 ava vitest
  cp "$work/js/package.json" .
  cat >shop.test.mjs <<'JS'
import { describe, it, test } from 'node:test';
import assert from 'node:assert';
describe('shop', () => {
  it('adds', () => { console.log('hello'); });
  it('fails # not a directive', () => { assert.deepStrictEqual({ a: '<' }, { a: '&' }); });
  it('skips', { skip: 'not "today"' }, () => {});
  describe('inner', () => { it('deep', () => {}); });
});
test('top level', async (t) => { await t.test('child', () => {}); });
test('todo', { todo: true }, () => { throw new Error('expected'); });
JS
  node --test --test-reporter=tap shop.test.mjs >node.tap 2>/dev/null
  cat >tape.js <<'JS'
const test = require('tape');
test('adds', (t) => { t.equal(1 + 1, 2, 'two'); t.end(); });
test('differs', (t) => { t.deepEqual({ a: 1 }, { a: 2 }, 'same object'); t.end(); });
test('skipped', { skip: true }, (t) => t.end());
test('todo', { todo: true }, (t) => { t.fail('later'); t.end(); });
test('nested', (t) => { t.test('inner', (s) => { s.ok(true, 'fine'); s.end(); }); });
JS
  node tape.js >tape.tap 2>/dev/null
  cat >tap.js <<'JS'
const t = require('tap');
t.test('adds', (t) => { t.equal(1 + 1, 2); t.end(); });
t.test('outer', (t) => { t.test('inner', (t) => { t.same({ a: 1 }, { a: 2 }, 'same'); t.end(); }); t.end(); });
t.test('skipped', { skip: 'not today' }, (t) => t.end());
t.test('todo', { todo: 'later' }, (t) => t.end());
JS
  node tap.js >tap.tap 2>/dev/null
  mocha_spec
  npx mocha --reporter tap >mocha.tap 2>/dev/null
  npx mocha --reporter tap --reporter-option tapVersion=13 >mocha13.tap 2>/dev/null
  mkdir -p ava && cat >ava/test.js <<'JS'
const test = require('ava');
test('adds', (t) => { t.is(2, 2); t.log('logged'); });
test('differs', (t) => { t.deepEqual({ a: 1 }, { a: 2 }); });
test.skip('skipped', (t) => { t.pass(); });
test.todo('later');
test.failing('known', (t) => { t.fail(); });
JS
  npx ava --tap ava/test.js >ava.tap 2>/dev/null
  mkdir -p vi && (cd vi && jest_spec && npx vitest run --globals --reporter=tap --outputFile=vitest.tap >/dev/null 2>&1 && true; npx vitest run --globals --reporter=tap-flat --outputFile=flat.tap >/dev/null 2>&1; true)
  cp vi/vitest.tap vi/flat.tap . 2>/dev/null
  keep tap node.tap tape.tap tap.tap mocha.tap mocha13.tap ava.tap vitest.tap flat.tap
  mkdir -p t && cat >t/cart.t <<'PERL'
use Test::More;
plan tests => 7;
ok(1, 'adds');
is('a<b', 'a&b', 'differs');
SKIP: { skip 'not today', 1; ok(1) }
TODO: { local $TODO = 'later'; ok(0, 'will be') }
subtest inner => sub { plan tests => 2; ok(1, 'deep'); ok(0, 'deep failure') };
note 'a note';
diag 'a diagnosis';
is_deeply({ a => 1 }, { a => 2 }, 'deep structure');
PERL
  printf 'use Test::More skip_all => "no database";\n' >t/none.t
  printf 'use Test::More; ok(1); BAIL_OUT("disk full");\n' >bail.t
  perl t/cart.t >perl.tap 2>&1
  perl t/none.t >none.tap 2>&1
  perl bail.t >bail.tap 2>&1
  prove -v t/cart.t t/none.t >prove.tap 2>&1
  keep perl perl.tap none.tap bail.tap prove.tap
  cat >shop.bats <<'BATS'
@test "adds" { [ 1 -eq 1 ]; }
@test "fails <&>" { echo "said"; [ 1 -eq 2 ]; }
@test "skips" { skip "not today"; }
BATS
  bats --tap shop.bats >bats.tap 2>/dev/null
  bats --tap --timing shop.bats >timing.tap 2>/dev/null
  keep bats bats.tap timing.tap
}
