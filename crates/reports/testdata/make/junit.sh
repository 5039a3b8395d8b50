# JUnit XML of more producers: C++, PHP, Ruby, Go, shell and older Java. Needs g++, cmake, googletest, Catch2, PHPUnit,
# RSpec and Bats, as Debian packs them.

make_gtest() {
  mkdir -p "$work/gtest" && cd "$work/gtest" || return
  cat >shop.cc <<'CC'
#include <gtest/gtest.h>
TEST(Cart, Adds) { RecordProperty("test_key", "SHOP-1"); SUCCEED(); }
TEST(Cart, Fails) { EXPECT_EQ(1, 2) << "they differ <&> ]]>"; EXPECT_STREQ("a", "b"); }
TEST(Cart, Skips) { GTEST_SKIP() << "not today"; }
TEST(Cart, DISABLED_Later) {}
class Values : public testing::TestWithParam<int> {};
TEST_P(Values, NotTwo) { EXPECT_NE(GetParam(), 2); }
INSTANTIATE_TEST_SUITE_P(Small, Values, testing::Values(1, 2));
template <typename T> class Typed : public testing::Test {};
typedef testing::Types<char, int> Kinds;
TYPED_TEST_SUITE(Typed, Kinds);
TYPED_TEST(Typed, Fits) { EXPECT_LE(sizeof(TypeParam), 1u); }
struct Broken : testing::Test { static void SetUpTestSuite() { FAIL() << "no set-up"; } };
TEST_F(Broken, Never) {}
CC
  g++ -o shop shop.cc -lgtest -lgtest_main -lpthread && ./shop --gtest_output=xml:gtest.xml >/dev/null 2>&1
  keep gtest gtest.xml
}

make_catch2() {
  mkdir -p "$work/catch2" && cd "$work/catch2" || return
  cat >shop.cc <<'CC'
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <iostream>
TEST_CASE("adds", "[cart][smoke]") { std::cout << "out <&>\n"; REQUIRE(1 + 1 == 2); }
TEST_CASE("fails") { CHECK(1 == 2); CHECK(std::string("a") == "b"); }
TEST_CASE("sections") { SECTION("one") { CHECK(true); } SECTION("two") { FAIL("boom ]]>"); } }
TEST_CASE("throws") { throw std::runtime_error("thrown"); }
TEST_CASE("may fail", "[!mayfail]") { CHECK(false); }
CC
  g++ -o shop shop.cc && ./shop -r junit -o catch2.xml >/dev/null 2>&1
  keep catch2 catch2.xml
}

make_ctest() {
  mkdir -p "$work/ctest" && cd "$work/ctest" || return
  cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.21)
project(shop NONE)
enable_testing()
add_test(NAME adds COMMAND sh -c "echo 'out <&>'")
add_test(NAME fails COMMAND sh -c "echo said; exit 3")
add_test(NAME times.out COMMAND sleep 5)
set_tests_properties(times.out PROPERTIES TIMEOUT 1)
add_test(NAME skips COMMAND sh -c "exit 77")
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77 LABELS "slow;cart")
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
add_test(NAME missing COMMAND ./no-such-program)
CMAKE
  cmake -S . -B build >/dev/null && ctest --test-dir build --output-junit "$PWD/ctest.xml" >/dev/null 2>&1
  keep ctest ctest.xml
}

make_phpunit() {
  mkdir -p "$work/php" && cd "$work/php" || return
  cat >CartTest.php <<'PHP'
<?php
use PHPUnit\Framework\TestCase;
final class CartTest extends TestCase {
    public function testAdds(): void { echo "out <&>"; $this->assertSame(2, 1 + 1); }
    public function testFails(): void { $this->assertSame("a\nb", "a\nc", 'they differ <&> ]]>'); }
    public function testThrows(): void { throw new RuntimeException('boom'); }
    public function testSkips(): void { $this->markTestSkipped('not today'); }
    public function testIncomplete(): void { $this->markTestIncomplete('later'); }
    public function testRisky(): void {}
    /** @dataProvider rows */
    public function testValues(int $n, string $s): void { $this->assertNotSame(2, $n); }
    public function rows(): array { return ['one' => [1, 'x'], 'two "quoted"' => [2, 'y']]; }
    /** @depends testFails */
    public function testDepends(): void {}
}
PHP
  phpunit --log-junit phpunit.xml CartTest.php >/dev/null 2>&1
  keep phpunit phpunit.xml
}

make_rspec() {
  mkdir -p "$work/ruby/spec" && cd "$work/ruby" || return
  cat >spec/cart_spec.rb <<'RUBY'
describe 'Cart <&>' do
  it('adds') { expect(1 + 1).to eq 2 }
  it('fails') { expect({ a: 1 }).to eq({ a: 2 }) }
  it('raises') { raise ArgumentError, "boom \e[31mred\e[0m" }
  xit('later') { }
  it('pending') { pending 'known'; expect(1).to eq 2 }
  context('inner') { it('is deep', :slow) { } ; it { expect(3).to eq 3 } }
end
RUBY
  rspec --format RspecJunitFormatter --out rspec.xml >/dev/null 2>&1
  keep rspec rspec.xml
}

make_minitest() {
  mkdir -p "$work/mini" && cd "$work/mini" || return
  cat >cart_test.rb <<'RUBY'
require 'minitest/autorun'
require 'minitest/reporters'
Minitest::Reporters.use! Minitest::Reporters::JUnitReporter.new('reports')
class CartTest < Minitest::Test
  def test_adds; assert_equal 2, 1 + 1; end
  def test_fails; assert_equal({ a: 1 }, { a: 2 }, 'they differ <&>'); end
  def test_raises; raise ArgumentError, 'boom'; end
  def test_skips; skip 'not today'; end
end
RUBY
  ruby cart_test.rb >/dev/null 2>&1
  cp reports/*.xml minitest.xml
  keep minitest minitest.xml
}

make_go_junit_report() {
  mkdir -p "$work/gojunit" && cd "$work/gojunit" || return
  go mod init example.com/shop >/dev/null 2>&1
  go_shop
  go test -v ./... >go.txt 2>&1
  GOFLAGS=-mod=mod go run github.com/jstemmer/go-junit-report/v2@v2.1.0 -in go.txt -out v2.xml >"$work/log" 2>&1 || true
  GOFLAGS=-mod=mod go run github.com/jstemmer/go-junit-report@v1.0.0 <go.txt >v1.xml 2>"$work/log" || true
  keep go-junit-report v1.xml v2.xml
}

make_bats_junit() {
  mkdir -p "$work/bats" && cd "$work/bats" || return
  cat >shop.bats <<'BATS'
@test "adds" { [ 1 -eq 1 ]; }
@test "fails <&>" { echo "said"; [ 1 -eq 2 ]; }
@test "skips" { skip "not today"; }
BATS
  bats --formatter junit shop.bats >bats.xml 2>/dev/null
  keep bats-junit bats.xml
}

make_python_junit() {
  python_tests behave nose2
  shop_feature
  mkdir -p features/steps && cat >features/steps/steps.py <<'PY'
from behave import given, when, then
@given('a cart')
def cart(context): context.n = 0; print('said <&>')
@when('I add {n:d} items')
def add(context, n): context.n += n
@then('it holds {n:d} items')
def holds(context, n): assert context.n == n, 'holds %d' % context.n
PY
  venv/bin/behave --junit --junit-directory reports >/dev/null 2>&1
  cp reports/TESTS-cart.xml behave.xml
  cat >test_shop.py <<'PY'
import unittest
class T(unittest.TestCase):
    def test_ok(self): print('fine ]]> so far')
    def test_bad(self): self.assertEqual('two\nlines', 'one line <&>')
    @unittest.skip('later')
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail('as expected')
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
PY
  venv/bin/nose2 --plugin nose2.plugins.junitxml --junit-xml >/dev/null 2>&1
  cp nose2-junit.xml nose2.xml
  keep python-junit behave.xml nose2.xml
}

make_surefire_old() {
  local version
  for version in 2.12.4 2.22.2; do
    mkdir -p "$work/mvn-$version/src/test/java/shop" && cd "$work/mvn-$version" || return
    cat >pom.xml <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>$version</version><configuration><testFailureIgnore>true</testFailureIgnore></configuration></plugin></plugins></build></project>
XML
    cat >src/test/java/shop/CartTest.java <<'JAVA'
package shop;

import static org.junit.Assert.*;
import org.junit.*;

public class CartTest {
  @Test public void adds() { System.out.println("out <&> ]]>"); }
  @Test public void fails() { assertEquals("they differ", "a\nb", "c"); }
  @Test public void errs() { throw new IllegalStateException("boom \u0001"); }
  @Test @Ignore("not <now>") public void off() {}
  @Test public void assumes() { Assume.assumeTrue("not here", false); }
}
JAVA
    mvn -q -B test >"$work/log" 2>&1 || head -12 "$work/log" >&2
    cp target/surefire-reports/TEST-shop.CartTest.xml "surefire-$version.xml"
    keep surefire-old "surefire-$version.xml"
  done
}

make_js_junit() {
  node_tests tape tap-junit tap-xunit ava eslint@8 jasmine jasmine-reporters
  cat >tape.js <<'JS'
const test = require('tape');
test('adds', (t) => { t.equal(1 + 1, 2, 'two <&>'); t.end(); });
test('differs', (t) => { t.deepEqual({ a: 1 }, { a: 2 }, 'same object'); t.end(); });
test('skipped', { skip: true }, (t) => t.end());
JS
  node tape.js | npx tap-junit >tap-junit.xml 2>/dev/null
  node tape.js | npx tap-xunit >tap-xunit.xml 2>/dev/null
  echo '{"root":true,"rules":{"no-undef":2,"eqeqeq":1}}' >.eslintrc.json
  echo 'if (a == "<&>") b();' >bad.js
  npx eslint -f junit bad.js >eslint.xml 2>/dev/null
  mkdir -p spec && cat >spec/cart.spec.js <<'JS'
const reporters = require('jasmine-reporters');
jasmine.getEnv().addReporter(new reporters.JUnitXmlReporter({ savePath: '.', filePrefix: 'jasmine' }));
describe('cart <&>', () => {
  it('adds', () => { expect(1 + 1).toBe(2); });
  it('fails twice', () => { expect(1).toBe(2); expect({ a: 1 }).toEqual({ a: 2 }); });
  xit('later', () => {});
  it('pends', () => { pending('not today'); });
  describe('inner', () => { it('throws', () => { throw new TypeError('boom'); }); });
});
JS
  npx jasmine 'spec/*.js' >/dev/null 2>&1
  keep js-junit tap-junit.xml tap-xunit.xml eslint.xml jasmine.xml
}
