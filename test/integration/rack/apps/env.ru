# frozen_string_literal: true

# Answers with a marshalled picture of its own env: plain values as they are, objects by class name.
PLAIN = [String, Integer, TrueClass, FalseClass, NilClass].freeze
KEPT = Hash.new { |hash, key| hash[key] = Thread::Queue.new }

PICTURE = lambda do |env|
  env.to_h do |key, value|
    plain = PLAIN.any? { |type| value.is_a?(type) } || (value.is_a?(Array) && value.all?(Integer))
    [key, plain ? value : value.class.name.to_s]
  end
end

def reply(object)
  [200, { "content-type" => "application/octet-stream" }, [Marshal.dump(object)]]
end

# A body that waits for `/release` between two looks at the same env.
class TwoLooks
  def initialize(env, gate)
    @env = env
    @gate = gate
  end

  def each
    yield Marshal.dump(PICTURE.call(@env)).unpack1("H*") + "\n"
    @gate.pop
    yield Marshal.dump(PICTURE.call(@env)).unpack1("H*") + "\n"
  end
end

facts = lambda do |env|
  { frozen: env.frozen?, default: env.default, errors: %i[puts write flush].all? { |m| env["rack.errors"].respond_to?(m) },
   hijack: env["rack.hijack"].respond_to?(:call), hints: env["rack.early_hints"].respond_to?(:call), pid: Process.pid }
end

run(lambda do |env|
  case env["PATH_INFO"]
  when "/facts" then reply(facts.call(env))
  when "/hold" then [200, { "content-type" => "text/plain" }, TwoLooks.new(env, KEPT[env["QUERY_STRING"]])]
  when "/release" then KEPT[env["QUERY_STRING"]] << true and reply(true)
  when "/pollute"
    env["PATH_INFO"] << "-dirty" unless env["PATH_INFO"].frozen?
    env["polluted.key"] = env["HTTP_X_LEFT_OVER"]
    env.delete("REQUEST_METHOD")
    reply(true)
  when "/complain"
    env["rack.errors"].puts "complaint #{env["QUERY_STRING"]}"
    env["rack.errors"].write "and", " more"
    env["rack.errors"].flush
    reply(true)
  else reply(PICTURE.call(env))
  end
end)
