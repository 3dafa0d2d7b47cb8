# frozen_string_literal: true

require_relative "lines_case"

# What the app adds to the line of its response by `hyperion.log_extras`.
class ExtrasTest < HyperionTest::LinesCase
  serve APP, "--log-format", "json"

  def test_values_of_each_kind
    get("/extras?plain")
    found = entry('"query":"plain"')
    assert_equal [7, "gold", 0.5, false, nil], found.values_at("user_id", "plan", "ratio", "trial", "note")
    assert found.key?("note")
  end

  def test_the_servers_own_fields_win
    get("/extras?reserved")
    found = entry('"query":"reserved"')
    assert_equal [200, "/extras", 1], found.values_at("status", "path", "ok")
    assert_match(/\A\d{4}-/, found["ts"])
    assert_equal 3, found["log_extras_dropped"]
  end

  def test_B5_they_cannot_forge_a_line
    get("/extras?hostile")
    text = line('"query":"hostile"')
    refute_match(/[\x00-\x09\x0b-\x1f\x7f]/n, text.b)
    assert_includes JSON.parse(text).values.grep(String).join, "c\"\n"
    plain = boot(APP, "--log-format", "text")
    get("/extras?hostile", to: plain)
    refute_match(/[\x00-\x09\x0b-\x1f\x7f]/n, line("hostile", to: plain).b)
  end

  def test_too_many_are_left_out_and_counted
    crowded = boot(APP, "--log-format", "json")
    get("/extras?many", to: crowded)
    found = entry('"query":"many"', to: crowded)
    kept = found.keys.grep(/\Ak\d/)
    assert_equal 100, kept.size + found["log_extras_dropped"]
    assert_includes 1..99, kept.size
  end

  def test_odd_values_become_text
    get("/extras?odd")
    found = entry('"query":"odd"')
    assert_equal ["NaN", (10**40).to_s, "gold", "ä", "seven"], found.values_at("nan", "huge", "symbol", "wide", "7")
    refute found.key?("log_extras_dropped")
  end

  def test_a_value_that_cannot_be_shown_costs_only_itself
    assert_equal 200, get("/extras?raising").status
    assert_equal [1, 1, nil], entry('"query":"raising"').values_at("good", "log_extras_dropped", "bad")
  end

  def test_a_long_value_is_left_out_and_counted
    get("/extras?long")
    assert_equal ["y", 1, nil], entry('"query":"long"').values_at("small", "log_extras_dropped", "large")
  end

  def test_a_line_of_text_has_them_too
    plain = boot(APP, "--log-format", "text")
    get("/extras?plain", to: plain)
    assert_match(/ user_id=7 plan=gold ratio=0\.5 trial=false note=null\n\z/, line("query=plain", to: plain))
  end

  def test_what_is_no_hash_is_left_out
    get("/extras?none")
    assert_equal 1, entry('"query":"none"')["log_extras_dropped"]
  end

  def test_one_request_leaves_nothing_to_the_next
    client = connect
    client.get("/extras?many")
    client.get("/?second")
    refute entry('"query":"second"').key?("user_id")
  end
end
