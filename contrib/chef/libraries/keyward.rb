# keyward('web-1/ssh'): a key of this node's seed. An unknown realm raises; no shell sees it.
require 'open3'

module Keyward
  def keyward(realm, version: nil)
    numbered = version ? ['--version', version.to_s] : []
    key, message, status = Open3.capture3('keyward', 'derive', *numbered, '--', realm, binmode: true)
    raise "keyward: #{realm.inspect}: #{message.strip}" unless status.success?

    key
  end
end

if defined?(Chef::DSL::Universal)
  Chef::DSL::Universal.include(Keyward)
elsif defined?(Chef::DSL::Recipe)
  Chef::DSL::Recipe.include(Keyward)
end
